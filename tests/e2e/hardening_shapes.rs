//! Pods of many shapes with every default switched on: the API server accepts each patch,
//! the result passes restricted, and there is nothing left to patch.

use serde_json::{Value, json};

use crate::hardening::was_patched;
use crate::objects::{IMAGE, pod, pods};
use crate::standard_with;
use crate::support::control_plane::Who;

const EVERYTHING: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: restricted}
harden:
  mode: apply
  readOnlyRootFilesystem: true
  automountServiceAccountToken: false
";

#[tokio::test]
async fn every_patch_is_accepted_and_the_second_is_empty() {
    let Ok((plane, server)) = standard_with(EVERYTHING, &[]).await else {
        return;
    };
    let namespace = server.namespace(plane, "shapes", &[]).await;
    let developer = plane.user(Who::Developer).await;

    for (name, spec) in shapes() {
        let first = developer.create(&pods(&namespace), &pod(name, &spec)).await;
        assert_eq!(first.code, 201, "{name}: {:#}", first.body);
        let second_name = format!("{name}-again");
        let again = pod(&second_name, &first.body["spec"].clone());
        let second = developer.create(&pods(&namespace), &again).await;

        assert_eq!(second.code, 201, "{name} again: {:#}", second.body);
        assert_eq!(second.body["spec"], first.body["spec"], "{name} again");
        assert!(was_patched(plane, &namespace, name).await, "{name}");
        assert!(!was_patched(plane, &namespace, &second_name).await, "{name} again");
    }
}

#[tokio::test]
async fn the_token_is_taken_out_with_its_mounts() {
    let Ok((plane, server)) = standard_with(EVERYTHING, &[]).await else {
        return;
    };
    let namespace = server.namespace(plane, "tokens", &[]).await;
    let developer = plane.user(Who::Developer).await;
    let spec = json!({
        "initContainers": [{"name": "init", "image": IMAGE}],
        "containers": [{"name": "app", "image": IMAGE, "volumeMounts": [{"name": "own", "mountPath": "/own"}]}],
        "volumes": [{"name": "own", "emptyDir": {}}],
    });

    let spec =
        developer.create(&pods(&namespace), &pod("web", &spec)).await.granted()["spec"].take();

    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(names(&spec["volumes"]), ["own"]);
    assert_eq!(names(&spec["containers"][0]["volumeMounts"]), ["own"]);
    assert_eq!(names(&spec["initContainers"][0]["volumeMounts"]), [""; 0]);
    assert_eq!(spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
}

/// Specs that leave something unset in ways that need different patches.
fn shapes() -> Vec<(&'static str, Value)> {
    let with = |context: Value| json!({"containers": [{"name": "app", "image": IMAGE, "securityContext": context}]});
    let mut own_account = with(json!({}));
    own_account["serviceAccountName"] = json!("default");
    let mut no_token = with(json!({}));
    no_token["automountServiceAccountToken"] = json!(false);
    let mut user_namespace = with(json!({}));
    user_namespace["hostUsers"] = json!(false);
    vec![
        ("nothing", json!({"containers": [{"name": "app", "image": IMAGE}]})),
        (
            "empty-contexts",
            json!({"securityContext": {}, "containers": [{"name": "app", "image": IMAGE, "securityContext": {}}]}),
        ),
        (
            "null-context",
            json!({"securityContext": null, "containers": [{"name": "app", "image": IMAGE, "securityContext": null}]}),
        ),
        ("empty-capabilities", with(json!({"capabilities": {}}))),
        ("empty-drop", with(json!({"capabilities": {"drop": []}}))),
        (
            "other-drop",
            with(json!({"capabilities": {"drop": ["NET_RAW"], "add": ["NET_BIND_SERVICE"]}})),
        ),
        ("own-profile", with(json!({"seccompProfile": {"type": "RuntimeDefault"}}))),
        ("own-user", with(json!({"runAsNonRoot": true, "runAsUser": 1000}))),
        ("own-escalation", with(json!({"allowPrivilegeEscalation": false}))),
        (
            "pod-half-set",
            json!({
                "securityContext": {"runAsUser": 1000, "supplementalGroups": [2000]},
                "containers": [{"name": "app", "image": IMAGE}],
            }),
        ),
        (
            "many-containers",
            json!({
                "initContainers": [
                    {"name": "init", "image": IMAGE},
                    {"name": "sidecar", "image": IMAGE, "restartPolicy": "Always", "securityContext": {"runAsNonRoot": true}},
                ],
                "containers": [
                    {"name": "app", "image": IMAGE, "securityContext": {"capabilities": {"drop": ["ALL"]}}},
                    {"name": "proxy", "image": IMAGE, "volumeMounts": [{"name": "cache", "mountPath": "/cache"}]},
                ],
                "volumes": [{"name": "cache", "emptyDir": {}}, {"name": "config", "configMap": {"name": "web"}}],
            }),
        ),
        (
            "own-token-path",
            json!({
                "containers": [{"name": "app", "image": IMAGE, "volumeMounts": [
                    {"name": "own", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
                ]}],
                "volumes": [{"name": "own", "emptyDir": {}}],
            }),
        ),
        ("default-account", own_account),
        ("no-token", no_token),
        ("user-namespace", user_namespace),
        (
            "windows",
            json!({
                "os": {"name": "windows"},
                "securityContext": {"windowsOptions": {"runAsUserName": "ContainerUser"}},
                "containers": [{"name": "app", "image": IMAGE}],
            }),
        ),
        (
            "linux",
            json!({"os": {"name": "linux"}, "containers": [{"name": "app", "image": IMAGE}]}),
        ),
    ]
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().map_or(Vec::new(), |items| {
        items.iter().map(|item| item["name"].as_str().unwrap()).collect()
    })
}
