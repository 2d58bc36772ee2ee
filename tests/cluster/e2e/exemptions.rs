//! Exempt users, namespaces and runtime classes are neither judged nor hardened.

use serde_json::json;

use crate::{
    e2e::{RESTRICTED, assert_denied, audit_log::pod_event, standard_with},
    support::{
        control_plane::{ControlPlane, Who, namespace, unique_name, wait_for_service_account},
        objects::{pods, privileged},
        webhooks::ENFORCE,
    },
};

const USER_EXEMPT: &str = "
apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
exemptions: {usernames: [release-bot], runtimeClasses: [isolated]}
";

#[tokio::test]
async fn an_exempt_user_is_not_judged_and_others_are() {
    let Ok((plane, server)) = standard_with(USER_EXEMPT, &[]).await else {
        return;
    };
    let namespace = server.namespace(plane, "by-user", RESTRICTED).await;

    let exempt =
        plane.user(Who::ReleaseBot).await.create(&pods(&namespace), &privileged("bot")).await;
    let other =
        plane.user(Who::Developer).await.create(&pods(&namespace), &privileged("dev")).await;

    assert_eq!(exempt.warnings, [""; 0]);
    exempt.granted();
    assert_denied(&other, "dev", "restricted:latest");
    assert_eq!(exemption(plane, &namespace, "bot").await, "user");
}

#[tokio::test]
async fn an_exempt_runtime_class_is_not_judged() {
    let Ok((plane, server)) = standard_with(USER_EXEMPT, &[]).await else {
        return;
    };
    let namespace = server.namespace(plane, "by-class", RESTRICTED).await;
    let admin = plane.user(Who::Admin).await;
    let class = json!({"metadata": {"name": "isolated"}, "handler": "isolated"});
    admin.create("/apis/node.k8s.io/v1/runtimeclasses", &class).await.granted();
    let mut isolated = privileged("isolated");
    isolated["spec"]["runtimeClassName"] = json!("isolated");

    admin.create(&pods(&namespace), &isolated).await.granted();

    assert_eq!(exemption(plane, &namespace, "isolated").await, "runtimeClass");
}

#[tokio::test]
async fn an_exempt_namespace_is_not_judged_and_its_labels_warn() {
    let name = unique_name("exempt");
    let configuration = format!(
        "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
exemptions: {{namespaces: [{name}]}}
"
    );
    let Ok((plane, server)) = standard_with(&configuration, &[]).await else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    let object = namespace(&name, &server.with_own_label(RESTRICTED));

    let made = admin.create("/api/v1/namespaces", &object).await;
    wait_for_service_account(&admin, &name).await;
    let pod = admin.create(&pods(&name), &privileged("web")).await;

    let warning = format!(r#"namespace "{name}" is exempt"#);
    assert_eq!(made.code, 201, "{:#}", made.body);
    assert!(made.warnings.iter().any(|line| line.starts_with(&warning)), "{:?}", made.warnings);
    assert_eq!(pod.warnings, [""; 0]);
    assert_eq!(pod.granted()["spec"]["securityContext"], json!({}));
    assert_eq!(exemption(plane, &name, "web").await, "namespace");
}

/// The exemption of the pod in the audit log.
async fn exemption(plane: &ControlPlane, namespace: &str, pod: &str) -> String {
    let event = pod_event(plane, namespace, pod).await;
    event["annotations"][format!("{ENFORCE}/exempt")].as_str().expect("an exemption").to_owned()
}
