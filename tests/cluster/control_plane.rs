//! The control plane provides what other tests rely on.

use crate::support::{
    control_plane::{BuiltInPodSecurity, ControlPlane, Who, namespace, unique_name},
    kubectl::kubectl,
    wait::{PATIENCE, until},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_pod_gets_its_service_account_token_and_an_audit_event() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let namespace = plane.namespace("pods", &[("team", "shop")]).await;
    let developer = plane.user(Who::Developer).await;

    let answer =
        developer.create(&format!("/api/v1/namespaces/{namespace}/pods"), &pod("web")).await;

    let pod = answer.granted();
    let mount = &pod["spec"]["containers"][0]["volumeMounts"][0];
    assert!(mount["name"].as_str().unwrap().starts_with("kube-api-access-"), "{pod:#}");
    let event = plane
        .audit_event("the pod's event", |event| {
            event["objectRef"]["namespace"] == namespace && event["objectRef"]["resource"] == "pods"
        })
        .await;
    assert_eq!(event["user"]["username"], "dev");
    assert_eq!(event["responseStatus"]["code"], 201);
}

#[tokio::test]
async fn a_deployment_makes_pods() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let namespace = plane.namespace("deployments", &[]).await;
    let developer = plane.user(Who::Developer).await;
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod("web")["spec"]},
        },
    });

    developer
        .create(&format!("/apis/apps/v1/namespaces/{namespace}/deployments"), &deployment)
        .await
        .granted();

    let pods = until("two pods", PATIENCE, async || {
        let list = developer.get(&format!("/api/v1/namespaces/{namespace}/pods")).await.granted();
        list["items"].as_array().filter(|pods| pods.len() == 2).cloned()
    })
    .await;
    assert_eq!(pods[0]["metadata"]["ownerReferences"][0]["kind"], "ReplicaSet");
}

#[tokio::test]
async fn built_in_pod_security_is_off_unless_asked_for() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let namespace =
        plane.namespace("lenient", &[("pod-security.kubernetes.io/enforce", "restricted")]).await;
    let developer = plane.user(Who::Developer).await;

    let answer =
        developer.create(&format!("/api/v1/namespaces/{namespace}/pods"), &pod("web")).await;

    assert_eq!(answer.code, 201, "{:#}", answer.body);
}

#[tokio::test]
async fn answers_carry_code_reason_and_warnings() {
    let Ok(plane) = ControlPlane::start(BuiltInPodSecurity::On) else {
        return;
    };
    let strict =
        plane.namespace("strict", &[("pod-security.kubernetes.io/enforce", "restricted")]).await;
    let warned =
        plane.namespace("warned", &[("pod-security.kubernetes.io/warn", "restricted")]).await;
    let developer = plane.user(Who::Developer).await;

    let refused = developer.create(&format!("/api/v1/namespaces/{strict}/pods"), &pod("web")).await;
    let granted = developer.create(&format!("/api/v1/namespaces/{warned}/pods"), &pod("web")).await;

    assert_eq!((refused.code, refused.reason()), (403, "Forbidden"));
    assert!(
        refused
            .message()
            .starts_with(r#"pods "web" is forbidden: violates PodSecurity "restricted:latest""#)
    );
    assert_eq!(granted.code, 201);
    assert!(granted.warnings[0].starts_with(r#"would violate PodSecurity "restricted:latest""#));
}

#[tokio::test]
async fn the_apiserver_restarts_with_its_data() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else {
        return;
    };
    let before = plane.namespace("before", &[]).await;
    let admin = plane.user(Who::Admin).await;

    plane.restart_apiserver().await;

    let kept = admin.get(&format!("/api/v1/namespaces/{before}")).await.granted();
    assert_eq!(kept["status"]["phase"], "Active");
    let after = plane.namespace("after", &[]).await;
    admin.create(&format!("/api/v1/namespaces/{after}/pods"), &pod("web")).await.granted();
}

#[tokio::test]
async fn rights_are_those_of_the_user() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let object = namespace(&unique_name("forbidden"), &[]);

    let answer = plane.user(Who::Portcullis).await.create("/api/v1/namespaces", &object).await;

    assert_eq!((answer.code, answer.reason()), (403, "Forbidden"));
}

#[tokio::test]
async fn kubectl_reaches_it() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let Some(output) = kubectl(&plane.kubeconfig(Who::Developer), &["version", "-o", "json"])
    else {
        return;
    };

    let version: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(version["serverVersion"]["gitVersion"], "v1.36.3");
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    })
}
