//! The pods and controllers that the tests make, and where they are made.

use serde_json::{Value, json};

use crate::support::{
    user::User,
    wait::{PATIENCE, until},
};

/// A pod whose author set nothing that matters here.
pub(crate) fn plain(name: &str) -> Value {
    pod(name, &json!({"containers": [{"name": "app", "image": IMAGE}]}))
}

/// A pod that passes restricted as it is.
pub(crate) fn compliant(name: &str) -> Value {
    pod(
        name,
        &json!({
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "app",
                "image": IMAGE,
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        }),
    )
}

/// A pod that breaks baseline in a way that no default heals.
pub(crate) fn privileged(name: &str) -> Value {
    let container = json!({"name": "app", "image": IMAGE, "securityContext": {"privileged": true}});
    pod(name, &json!({"containers": [container]}))
}

/// A pod with this spec.
pub(crate) fn pod(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

/// A Deployment of pods like this one.
pub(crate) fn deployment(name: &str, pod: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": selector(), "template": template(pod)},
    })
}

/// A pod template like this pod, with the label that [`selector`] selects.
pub(crate) fn template(pod: &Value) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": pod["spec"]})
}

/// What selects the pods of [`template`].
pub(crate) fn selector() -> Value {
    json!({"matchLabels": {"app": "web"}})
}

/// Where pods of a namespace are made.
pub(crate) fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

/// Where a pod is.
pub(crate) fn pod_path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods/{name}")
}

/// Where objects of the group `apps` are made.
pub(crate) fn apps(namespace: &str, resource: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/{resource}")
}

/// The namespace's pods, once there are so many.
pub(crate) async fn await_pods(user: &User, namespace: &str, count: usize) -> Vec<Value> {
    until(&format!("{count} pods in {namespace}"), PATIENCE, async || {
        let list = user.get(&pods(namespace)).await.granted();
        list["items"].as_array().filter(|pods| pods.len() == count).cloned()
    })
    .await
}

/// Waits until the namespace answers this pod with this code: a change of labels reaches
/// our server by a watch.
pub(crate) async fn await_verdict(user: &User, namespace: &str, pod: &Value, code: u16) {
    let path = format!("{}?dryRun=All", pods(namespace));
    until(&format!("{namespace} to answer a pod with {code}"), PATIENCE, async || {
        (user.create(&path, pod).await.code == code).then_some(())
    })
    .await;
}

pub(crate) const IMAGE: &str = "registry.example/app:1";
