//! Mirror pods, which a kubelet creates for static pods: judged, never patched.

use serde_json::{Value, json};

use crate::{
    e2e::{BASELINE, assert_denied, hardening::was_patched, standard},
    support::{
        control_plane::Who,
        objects::{plain, pods, privileged},
    },
};

#[tokio::test]
async fn a_kubelets_mirror_pod_is_not_patched() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let labels = [BASELINE, &[("portcullis.dev/harden", "apply")]].concat();
    let namespace = server.namespace(plane, "mirrors", &labels).await;

    let kubelet = plane.user(Who::Kubelet).await;
    kubelet.create(&pods(&namespace), &mirror(&plain("static"))).await.granted();

    assert!(!was_patched(plane, &namespace, "static").await);
}

#[tokio::test]
async fn the_annotation_alone_does_not_prevent_hardening() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let labels = [BASELINE, &[("portcullis.dev/harden", "apply")]].concat();
    let namespace = server.namespace(plane, "forged", &labels).await;

    let developer = plane.user(Who::Developer).await;
    developer.create(&pods(&namespace), &mirror(&plain("forged"))).await.granted();

    assert!(was_patched(plane, &namespace, "forged").await);
}

#[tokio::test]
async fn a_bad_mirror_pod_is_denied() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "bad-mirrors", BASELINE).await;

    let kubelet = plane.user(Who::Kubelet).await;
    let answer = kubelet.create(&pods(&namespace), &mirror(&privileged("bad"))).await;

    assert_denied(&answer, "bad", "baseline:latest");
}

/// The mirror pod of a kubelet for this pod.
pub(crate) fn mirror(pod: &Value) -> Value {
    let mut pod = pod.clone();
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "0123456789abcdef"});
    pod["spec"]["nodeName"] = json!("node-1");
    pod
}
