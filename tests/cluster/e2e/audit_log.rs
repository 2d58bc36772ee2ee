//! The audit annotations of our decisions in the API server's audit log, with upstream's keys.

use serde_json::{Value, json};

use crate::{
    e2e::{BASELINE_WARN_RESTRICTED, PRIVILEGED, RESTRICTED, standard},
    support::{
        control_plane::{ControlPlane, Who},
        objects::{await_verdict, deployment, plain, pods, privileged},
        webhooks::{ADVISE, ENFORCE},
    },
};

#[tokio::test]
async fn a_denied_pods_event_names_the_policy() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "audited-denial", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    developer.create(&pods(&namespace), &privileged("web")).await;

    let event = pod_event(plane, &namespace, "web").await;
    assert_eq!(event["responseStatus"]["code"], 403);
    assert_eq!(event["annotations"][format!("{ENFORCE}/enforce-policy")], "restricted:latest");
}

#[tokio::test]
async fn what_the_audit_level_finds_is_annotated() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "audited", BASELINE_WARN_RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    developer.create(&pods(&namespace), &plain("web")).await.granted();
    let path = crate::support::objects::apps(&namespace, "deployments");
    developer.create(&path, &deployment("web", &privileged("web"))).await.granted();

    let pod = pod_event(plane, &namespace, "web").await;
    let deployment = creation(plane, "deployments", &namespace, "web").await;
    assert_eq!(pod["annotations"][format!("{ENFORCE}/enforce-policy")], "baseline:latest");
    for (event, webhook) in [(pod, ENFORCE), (deployment, ADVISE)] {
        let violations = event["annotations"][format!("{webhook}/audit-violations")].as_str();
        let violations = violations.unwrap_or_else(|| panic!("no violations: {event:#}"));
        assert!(
            violations.starts_with(r#"would violate PodSecurity "restricted:latest""#),
            "{violations}"
        );
    }
}

#[tokio::test]
async fn labels_that_cannot_be_read_are_annotated_and_enforced_as_restricted() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    // Our server refuses such labels, so they are set before it is registered for the namespace.
    let namespace = plane.namespace("unread", PRIVILEGED).await;
    let path = format!("/api/v1/namespaces/{namespace}");
    let wrong = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "strict"}}});
    admin.merge(&path, &wrong).await.granted();
    let ours: serde_json::Map<String, Value> = server
        .with_own_label(&[])
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    admin.merge(&path, &json!({"metadata": {"labels": ours}})).await.granted();
    await_verdict(&admin, &namespace, &privileged("probe"), 403).await;

    admin.create(&pods(&namespace), &privileged("web")).await;

    let event = pod_event(plane, &namespace, "web").await;
    assert_eq!(event["responseStatus"]["code"], 403);
    let error = event["annotations"][format!("{ENFORCE}/error")].as_str().expect("an error");
    assert!(error.starts_with("Failed to parse policy: "), "{error}");
}

/// The audit event of a pod's creation.
pub(crate) async fn pod_event(plane: &ControlPlane, namespace: &str, pod: &str) -> Value {
    creation(plane, "pods", namespace, pod).await
}

async fn creation(plane: &ControlPlane, resource: &str, namespace: &str, name: &str) -> Value {
    plane
        .audit_event(&format!("the creation of {resource} {namespace}/{name}"), |event| {
            event["verb"] == "create"
                && event["objectRef"]["resource"] == resource
                && event["objectRef"]["namespace"] == namespace
                && event["requestObject"]["metadata"]["name"] == name
        })
        .await
}
