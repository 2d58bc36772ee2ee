//! Another webhook changes pods after ours: ours is called again, and hardens the additions.

use serde_json::{Value, json};

use crate::{
    e2e::{
        RESTRICTED,
        audit_log::pod_event,
        sidecar::{Injector, SIDECAR},
        standard,
    },
    support::{
        control_plane::{ControlPlane, Who},
        objects::{compliant, plain, pod, pod_path, pods},
        webhooks::HARDEN,
    },
};

#[tokio::test]
async fn a_container_that_is_injected_after_us_is_hardened_too() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let injector = Injector::start().await;
    injector.register(&plane.user(Who::Admin).await).await;
    let namespace = server.namespace(plane, "meshed", &injector.with_own_label(RESTRICTED)).await;
    let developer = plane.user(Who::Developer).await;

    for (object, ours) in [(plain("plain"), [true, true]), (compliant("good"), [false, true])] {
        let name = object["metadata"]["name"].as_str().unwrap();
        let made = developer.create(&pods(&namespace), &object).await.granted();

        let containers = made["spec"]["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 2, "{made:#}");
        assert_eq!(containers[1]["name"], SIDECAR);
        assert_eq!(
            containers[1]["securityContext"],
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
        );
        assert_eq!(made["metadata"]["generation"], 1);
        assert_eq!(calls(plane, &namespace, name).await, ours, "{name}");
    }
}

#[tokio::test]
async fn what_both_have_changed_neither_changes_again() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let injector = Injector::start().await;
    injector.register(&plane.user(Who::Admin).await).await;
    let namespace = server.namespace(plane, "settled", &injector.with_own_label(RESTRICTED)).await;
    let developer = plane.user(Who::Developer).await;
    let first = developer.create(&pods(&namespace), &plain("first")).await.granted();

    let again = pod("second", &first["spec"].clone());
    let second = developer.create(&pods(&namespace), &again).await;
    let label = json!({"metadata": {"labels": {"seen": "yes"}}});
    let labelled = developer.merge(&pod_path(&namespace, "first"), &label).await.granted();

    assert_eq!(second.warnings, [""; 0]);
    assert_eq!(second.granted()["spec"], first["spec"]);
    assert_eq!(calls(plane, &namespace, "second").await, [false]);
    assert_eq!(labelled["spec"], first["spec"]);
    assert_eq!(labelled["metadata"]["generation"], 1);
}

/// For each call of our mutating webhook, whether it changed the pod.
async fn calls(plane: &ControlPlane, namespace: &str, pod: &str) -> Vec<bool> {
    let event = pod_event(plane, namespace, pod).await;
    let annotations = event["annotations"].as_object().expect("annotations");
    // `…/round_0_index_2`: the map is sorted by them.
    annotations
        .iter()
        .filter(|(key, _)| key.starts_with("mutation.webhook.admission.k8s.io/"))
        .map(|(_, value)| serde_json::from_str(value.as_str().unwrap()).unwrap())
        .filter(|note: &Value| note["webhook"] == HARDEN)
        .map(|note| note["mutated"] == true)
        .collect()
}
