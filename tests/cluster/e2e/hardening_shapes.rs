//! Pods of many shapes with every default enabled: the API server accepts each patch, the result passes restricted, and
//! another review changes nothing.

use serde_json::{Value, json};

use crate::{
    e2e::{hardening::was_patched, standard_with},
    support::{
        control_plane::Who,
        objects::{IMAGE, pod, pods},
    },
};

const EVERYTHING: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: restricted}
harden:
  mode: apply
  readOnlyRootFilesystem: true
  automountServiceAccountToken: false
";

/// Including the defaults of rules.
const OF_RULES: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: restricted}
harden:
  mode: apply
  readOnlyRootFilesystem: true
  emptyDirs: [/tmp, /var/run]
  automountServiceAccountToken: false
  appArmorProfile: RuntimeDefault
  hostUsers: false
  resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 256Mi, ephemeral-storage: 1Gi}}
";

#[tokio::test]
async fn every_patch_is_accepted_and_the_second_is_empty() {
    prove(EVERYTHING, "shapes", shapes()).await;
}

#[tokio::test]
async fn so_is_every_patch_of_the_rules() {
    prove(OF_RULES, "rules", shapes().into_iter().chain(shapes_of_rules()).collect()).await;
}

#[tokio::test]
async fn what_the_rules_ask_for_is_set_on_the_real_thing() {
    let Ok((plane, server)) = standard_with(OF_RULES, &[]).await else {
        return;
    };
    let namespace = server.namespace(plane, "set", &[]).await;
    let developer = plane.user(Who::Developer).await;

    let spec = json!({"containers": [{"name": "app", "image": IMAGE}]});
    let spec =
        developer.create(&pods(&namespace), &pod("web", &spec)).await.granted()["spec"].take();

    assert_eq!(spec["hostUsers"], false);
    assert_eq!(spec["securityContext"]["appArmorProfile"], json!({"type": "RuntimeDefault"}));
    assert_eq!(names(&spec["volumes"]), ["portcullis-tmp-app", "portcullis-var-run-app"]);
    let container = &spec["containers"][0];
    assert_eq!(names(&container["volumeMounts"]), names(&spec["volumes"]));
    assert_eq!(
        container["resources"],
        json!({
            // The API server copies a limit to an unset request.
            "requests": {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "1Gi"},
            "limits": {"memory": "256Mi", "ephemeral-storage": "1Gi"},
        })
    );
}

/// The API server accepts the patch of each spec, and another review changes nothing.
async fn prove(configuration: &str, name: &str, shapes: Vec<(&'static str, Value)>) {
    let Ok((plane, server)) = standard_with(configuration, &[]).await else {
        return;
    };
    let namespace = server.namespace(plane, name, &[]).await;
    let developer = plane.user(Who::Developer).await;

    for (name, spec) in shapes {
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

/// Specs with unset fields that need different patches.
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

/// Specs with some of the fields of rules, or with fields that contradict them.
fn shapes_of_rules() -> Vec<(&'static str, Value)> {
    let with = |field: &str, value: Value| {
        let mut container = json!({"name": "app", "image": IMAGE});
        container[field] = value;
        json!({"containers": [container]})
    };
    let mut mounted = with(
        "volumeMounts",
        json!([{"name": "own", "mountPath": "/tmp/cache"}, {"name": "own", "mountPath": "/var/"}]),
    );
    mounted["volumes"] = json!([{"name": "own", "emptyDir": {}}]);
    let mut device = with("volumeDevices", json!([{"name": "disk", "devicePath": "/tmp"}]));
    device["volumes"] = json!([{"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}]);
    let mut taken = with("resources", json!({}));
    taken["volumes"] = json!([{"name": "portcullis-tmp-app", "configMap": {"name": "web"}}]);
    let mut shared = with("resources", json!({"requests": {"cpu": "5m"}}));
    shared["resources"] = json!({"limits": {"memory": "1Gi"}});
    let long = "a".repeat(63);
    vec![
        ("mounted", mounted),
        ("device", device),
        ("taken-name", taken),
        ("shared-resources", shared),
        ("long-name", json!({"containers": [{"name": long, "image": IMAGE}]})),
        ("own-limit", with("resources", json!({"limits": {"memory": "32Mi", "cpu": "5m"}}))),
        ("large-request", with("resources", json!({"requests": {"memory": "1Gi", "cpu": "2"}}))),
        ("equal-request", with("resources", json!({"requests": {"memory": "256Mi"}}))),
        (
            "own-app-armor",
            with(
                "securityContext",
                json!({"appArmorProfile": {"type": "Localhost", "localhostProfile": "own"}}),
            ),
        ),
        ("no-host-users", {
            let mut own = with("resources", json!({}));
            own["hostUsers"] = json!(true);
            own
        }),
    ]
}

#[tokio::test]
async fn a_profile_that_an_annotation_names_is_not_contradicted() {
    let Ok((plane, server)) = standard_with(OF_RULES, &[]).await else {
        return;
    };
    let namespace = server.namespace(plane, "annotated", &[]).await;
    let developer = plane.user(Who::Developer).await;
    let containers = json!([{"name": "app", "image": IMAGE}, {"name": "log", "image": IMAGE}]);
    for (name, profile, of_app) in [
        ("same", "runtime/default", json!({"type": "RuntimeDefault"})),
        ("other", "localhost/own", json!({"type": "Localhost", "localhostProfile": "own"})),
    ] {
        let mut web = pod(name, &json!({"containers": containers}));
        web["metadata"]["annotations"] =
            json!({"container.apparmor.security.beta.kubernetes.io/app": profile});

        let answer = developer.create(&pods(&namespace), &web).await;

        assert_eq!(answer.code, 201, "{name}: {:#}", answer.body);
        let spec = &answer.body["spec"];
        let profile = |index: usize| {
            let own = &spec["containers"][index]["securityContext"]["appArmorProfile"];
            if own.is_null() { &spec["securityContext"]["appArmorProfile"] } else { own }
        };
        assert_eq!([profile(0), profile(1)], [&of_app, &json!({"type": "RuntimeDefault"})]);
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().map_or(Vec::new(), |items| {
        items.iter().map(|item| item["name"].as_str().unwrap()).collect()
    })
}
