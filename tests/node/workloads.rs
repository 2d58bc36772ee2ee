//! Workloads: denied, hardened, and refused by the kubelet as predicted.

use serde_json::{Value, json};

use crate::{
    rights::assert_restricted,
    setup::{APP, NodeSetup, ROOT, are_ready},
    support::{
        control_plane::Who,
        objects::{apps, deployment, pod, pods},
        wait::{PATIENCE, until},
    },
};

/// A pod without settings.
fn plain(name: &str, image: &str) -> Value {
    pod(name, &json!({"containers": [{"name": "app", "image": image, "imagePullPolicy": "Never"}]}))
}

/// First without hardening, then with it.
pub(crate) async fn a_deployment_is_denied_and_then_hardened(setup: &NodeSetup) {
    let namespace = setup.strict("shop", &[("portcullis.dev/harden", "off")]).await;
    let developer = setup.plane.user(Who::Developer).await;
    let path = apps(&namespace, "deployments");

    let created = developer.create(&path, &deployment("web", &plain("web", APP))).await;
    assert!(created.warnings.iter().any(|line| line.contains("runAsNonRoot")), "{created:?}");
    created.granted();
    until("the Deployment's pods to be denied", PATIENCE, async || {
        let web = developer.get(&format!("{path}/web")).await.granted();
        let conditions = web["status"]["conditions"].as_array()?.clone();
        let failure = conditions.iter().find(|one| one["type"] == "ReplicaFailure")?;
        failure["message"].as_str()?.contains("enforce.portcullis.dev").then_some(())
    })
    .await;
    let list = developer.get(&pods(&namespace)).await.granted();
    assert_eq!(list["items"], json!([]));

    let harden = json!({"metadata": {"labels": {"portcullis.dev/harden": "auto"}}});
    setup.admin.merge(&format!("/api/v1/namespaces/{namespace}"), &harden).await.granted();
    // A new revision, because the controller's delay before a retry grows.
    let again = json!({"spec": {"template": {"metadata": {"annotations": {"again": "yes"}}}}});
    developer.merge(&format!("{path}/web"), &again).await.granted();

    let ready = |pods: &[Value]| are_ready(pods, 2);
    for pod in setup.pods("the hardened pods", &namespace, "app=web", ready).await {
        assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"], true, "{pod:#}");
        assert_restricted(&setup.node, &pod);
    }
}

pub(crate) async fn an_image_that_runs_as_root_is_warned_about_and_refused(setup: &NodeSetup) {
    let namespace = setup.strict("root", &[]).await;
    let developer = setup.plane.user(Who::Developer).await;

    let created = developer.create(&pods(&namespace), &plain("web", ROOT)).await;

    let is_warning = |line: &String| line.contains("runs as root") && line.contains("not start");
    assert!(created.warnings.iter().any(is_warning), "{:?}", created.warnings);
    created.granted();
    until("the kubelet to refuse the image", PATIENCE, async || {
        let pod = developer.get(&format!("{}/web", pods(&namespace))).await.granted();
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        let message = waiting["message"].as_str().unwrap_or_default();
        (waiting["reason"] == "CreateContainerConfigError"
            && message.contains("image will run as root"))
        .then_some(())
    })
    .await;
}
