//! Changes of running pods: ephemeral containers and resizes.

use serde_json::{Value, json};

use crate::{
    e2e::{PRIVILEGED, RESTRICTED, assert_denied, standard},
    support::{
        control_plane::Who,
        objects::{IMAGE, await_verdict, compliant, pod_path, pods, privileged},
    },
};

#[tokio::test]
async fn an_added_ephemeral_container_is_hardened_and_older_ones_are_left_alone() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "debugged", RESTRICTED).await;
    let admin = plane.user(Who::Admin).await;
    admin.create(&pods(&namespace), &compliant("web")).await.granted();
    let path = format!("{}/ephemeralcontainers", pod_path(&namespace, "web"));

    let first = admin.strategic_merge(&path, &ephemeral("first", json!({}))).await.granted();
    let second = admin.strategic_merge(&path, &ephemeral("second", json!({}))).await.granted();

    // The API server puts the additions of a patch first.
    let containers = second["spec"]["ephemeralContainers"].as_array().unwrap();
    assert_eq!(containers.len(), 2);
    assert_eq!(containers[1], first["spec"]["ephemeralContainers"][0]);
    for container in containers {
        assert_eq!(
            container["securityContext"],
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
        );
    }
}

/// Settings of existing containers do not apply to a new one, and the pod cannot be changed any more.
#[tokio::test]
async fn a_debug_container_gets_what_its_pod_has_in_its_containers_alone() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "debugged-apart", RESTRICTED).await;
    let admin = plane.user(Who::Admin).await;
    let mut pod = compliant("web");
    let of_pod = std::mem::take(&mut pod["spec"]["securityContext"]);
    for (key, value) in of_pod.as_object().unwrap() {
        pod["spec"]["containers"][0]["securityContext"][key] = value.clone();
    }
    pod["spec"].as_object_mut().unwrap().remove("securityContext");
    let made = admin.create(&pods(&namespace), &pod).await.granted();
    assert_eq!(made["spec"]["securityContext"], json!({}), "nothing was lacking");
    let path = format!("{}/ephemeralcontainers", pod_path(&namespace, "web"));

    // As `kubectl debug` sends it.
    let debug = json!({"spec": {"ephemeralContainers": [{
        "name": "debugger-x7k2p", "image": IMAGE, "stdin": true, "tty": true, "targetContainerName": "app",
        "imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File", "resources": {},
    }]}});
    let debugged = admin.strategic_merge(&path, &debug).await.granted();

    assert_eq!(
        debugged["spec"]["ephemeralContainers"][0]["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": true,
            "seccompProfile": {"type": "RuntimeDefault"},
        })
    );
}

#[tokio::test]
async fn a_privileged_ephemeral_container_is_denied() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "intruded", RESTRICTED).await;
    let admin = plane.user(Who::Admin).await;
    admin.create(&pods(&namespace), &compliant("web")).await.granted();
    let path = format!("{}/ephemeralcontainers", pod_path(&namespace, "web"));

    let answer =
        admin.strategic_merge(&path, &ephemeral("debug", json!({"privileged": true}))).await;

    let causes = assert_denied(&answer, "web", "restricted:latest");
    let field = "spec.ephemeralContainers[0].securityContext.privileged".to_owned();
    assert!(causes.contains(&("privileged".to_owned(), field)), "{causes:?}");
}

#[tokio::test]
async fn a_resize_is_admitted_even_of_a_pod_that_is_no_longer_allowed() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "resized", PRIVILEGED).await;
    let admin = plane.user(Who::Admin).await;
    let mut pod = privileged("old");
    pod["spec"]["containers"][0]["resources"] = cpu("100m");
    admin.create(&pods(&namespace), &pod).await.granted();
    let relabel =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &relabel).await.granted();
    await_verdict(&admin, &namespace, &privileged("probe"), 403).await;

    let resize = json!({"spec": {"containers": [{"name": "app", "resources": cpu("200m")}]}});
    let path = format!("{}/resize", pod_path(&namespace, "old"));
    let resized = admin.strategic_merge(&path, &resize).await.granted();

    assert_eq!(resized["spec"]["containers"][0]["resources"], cpu("200m"));
}

fn ephemeral(name: &str, security_context: Value) -> Value {
    let mut container = json!({"name": name, "image": IMAGE});
    if security_context != json!({}) {
        container["securityContext"] = security_context;
    }
    json!({"spec": {"ephemeralContainers": [container]}})
}

fn cpu(amount: &str) -> Value {
    json!({"requests": {"cpu": amount}})
}
