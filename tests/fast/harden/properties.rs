//! Invariants of hardening, checked with random pods.

use std::sync::LazyLock;

use policy::{
    harden::{Field, Settings},
    pss::{Level, NEWEST},
    rules::{AppArmor, Check, Resources},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    generator::{Generator, Random},
    harden::{
        held::{Held, broken, read},
        settings,
    },
    pods::{Path, base},
};

static GENERATOR: LazyLock<Generator> = LazyLock::new(Generator::new);

const TOKEN: &str = "kube-api-access-x7k2p";
const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_pod_is_hardened_correctly(seed: u64, on in rows()) {
        Held::new(&pod(seed), None, &on);
    }

    #[test]
    fn any_debug_container_is_hardened_correctly(seed: u64, on in rows(), known in 0..3usize) {
        let pod = pod(seed);
        let mut old = pod.clone();
        if let Some(list) = old["spec"]["ephemeralContainers"].as_array_mut() {
            list.truncate(known);
        }
        let held = Held::new(&pod, Some(&old), &on);
        let paths = held.patch.iter().map(|operation| operation.path().to_string());
        for path in paths {
            prop_assert!(path.starts_with("/spec/ephemeralContainers/"), "{}", path);
        }
    }

    /// A plain container that is added to a pod with restricted settings at the pod does not violate restricted.
    #[test]
    fn a_plain_debug_container_leaves_its_pod_restricted(at_pod in prop::array::uniform2(any::<bool>())) {
        let [non_root, seccomp] = at_pod;
        let own = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let (mut of_pod, mut of_container) = (json!({}), own);
        let at = |is_at_pod, key: &str, value: Value, pod: &mut Value, container: &mut Value| {
            let place = if is_at_pod { pod } else { container };
            place[key] = value;
        };
        at(non_root, "runAsNonRoot", json!(true), &mut of_pod, &mut of_container);
        let profile = json!({"type": "RuntimeDefault"});
        at(seccomp, "seccompProfile", profile, &mut of_pod, &mut of_container);
        let old = json!({"spec": {
            "securityContext": of_pod,
            "containers": [{"name": "web", "securityContext": of_container}],
        }});
        let mut pod = old.clone();
        pod["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "busybox"}]);
        let held = Held::new(&pod, Some(&old), &settings(|_| true));
        let after = held.after.to_string();
        let breaks = broken(Level::Restricted, NEWEST, &read(&after));
        prop_assert_eq!(breaks, Default::default(), "{}", after);
    }

    /// All combinations of unset fields, with the mounts of the ServiceAccount plugin and of an author.
    #[test]
    fn a_linux_pod_that_only_left_things_unset_meets_the_rules(
        ways in prop::array::uniform8(0..4u8),
        mounts in prop::collection::vec(prop::sample::subsequence(&MOUNTS[..], 0..3), 2),
    ) {
        let mut pod = base();
        unset(&mut pod["spec"], "securityContext", ways[0]);
        if ways[1] == 0 {
            pod["spec"]["volumes"] = Value::Null;
        }
        for (list, way) in LISTS.into_iter().zip(&ways[2..]) {
            unset(&mut pod["spec"][list][0], "securityContext", *way);
        }
        for (list, way) in LISTS.into_iter().zip(&ways[5..]).take(2) {
            unset(&mut pod["spec"][list][0], "resources", *way);
        }
        for (list, paths) in LISTS.into_iter().zip(&mounts) {
            for path in paths {
                mount(&mut pod, list, &json!({"name": "data", "mountPath": path}));
            }
        }
        push(&mut pod["spec"]["volumes"], json!({"name": "data", "emptyDir": {}}));
        inject_as_the_plugin_does(&mut pod);
        let held = Held::new(&pod, None, &settings(|_| true));
        let text = held.after.to_string();
        for rule in rules() {
            prop_assert_eq!(rule.findings(&read(&text)), [], "{:?}: {} {}", rule, pod, held.after);
        }
        prop_assert!(!text.contains("serviceAccountToken") && !text.contains(TOKEN), "{}", text);
        assert_writable(&held.after);
    }

    /// For every pod without an account and such a volume.
    #[test]
    fn no_token_that_was_mounted_is_left(seed: u64, on in rows()) {
        let mut pod = sent(seed);
        prop_assume!(pod["spec"]["containers"].as_array().is_some_and(|list| !list.is_empty()));
        for field in ["serviceAccountName", "serviceAccount", "automountServiceAccountToken"] {
            pod["spec"].as_object_mut().unwrap().remove(field);
        }
        if !pod["spec"]["volumes"].is_array() {
            pod["spec"]["volumes"] = json!([]);
        }
        pod["spec"]["volumes"].as_array_mut().unwrap().retain(|it| it["projected"].is_null());
        inject_as_the_plugin_does(&mut pod);
        let on = Settings { no_service_account_token: true, ..on };
        let after = Held::new(&pod, None, &on).after.to_string();
        prop_assert!(!after.contains(TOKEN), "{}", after);
        prop_assert_eq!(Check::ServiceAccountToken.findings(&read(&after)), [], "{}", after);
    }

    /// All combinations of unset fields, at the pod and in each container.
    #[test]
    fn a_linux_pod_that_only_left_things_unset_passes_restricted(ways in prop::array::uniform8(0..4u8)) {
        let mut pod = base();
        let [at_pod, own_user, init, main, debug, drop_init, drop_main, extra] = ways;
        unset(&mut pod["spec"], "securityContext", at_pod);
        for (list, way) in LISTS.into_iter().zip([init, main, debug]) {
            unset(&mut pod["spec"][list][0], "securityContext", way);
        }
        for (list, way) in LISTS.into_iter().zip([drop_init, drop_main, extra]) {
            let context = &mut pod["spec"][list][0]["securityContext"];
            if context.is_object() {
                unset(context, "capabilities", way);
            }
        }
        if own_user == 0 {
            set(&mut pod, "spec.containers[0].securityContext.runAsUser", json!(1000));
        }
        let held = Held::new(&pod, None, &Settings::default());
        let text = held.after.to_string();
        prop_assert_eq!(broken(Level::Restricted, NEWEST, &read(&text)), Default::default(), "{}", pod);
    }
}

/// Paths where an author may have mounted a volume.
const MOUNTS: [&str; 6] = ["/data", "/tmp", "/tmp/cache", "/var", "/var/run/app", "/tmpfs"];

/// The rules that hardening can satisfy.
fn rules() -> [Check; 5] {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let resources = Resources {
        requests: names(&["cpu", "memory"]),
        limits: names(&["memory"]),
        ..Resources::default()
    };
    [
        Check::ReadOnlyRootFilesystem,
        Check::ServiceAccountToken,
        Check::AppArmorProfile(AppArmor::default()),
        Check::UserNamespaces,
        Check::Resources(resources),
    ]
}

/// All listed paths are writable: there is a mount at, above or below each, and the pod has its volume.
fn assert_writable(pod: &Value) {
    let volumes: Vec<_> = pod["spec"]["volumes"].as_array().into_iter().flatten().collect();
    for container in ["initContainers", "containers"]
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten())
    {
        let mounts: Vec<_> = container["volumeMounts"].as_array().into_iter().flatten().collect();
        for path in ["/tmp/", "/var/run/"] {
            let meets = |mount: &&&Value| {
                let other = format!("{}/", mount["mountPath"].as_str().unwrap());
                path.starts_with(&other) || other.starts_with(path)
            };
            let mount = mounts.iter().find(meets).unwrap_or_else(|| panic!("{path} of {pod}"));
            assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{pod}");
        }
    }
}

/// Any selection of rows of the table.
fn rows() -> impl Strategy<Value = Settings> {
    (0..1usize << Field::ALL.len()).prop_map(|bits| {
        settings(|field| {
            let index = Field::ALL.iter().position(|other| *other == field).unwrap();
            bits & 1 << index != 0
        })
    })
}

/// A pod as kube-apiserver may send it.
fn sent(seed: u64) -> Value {
    let mut pod: Value = serde_json::from_str(&GENERATOR.pod(seed)).unwrap();
    // The API server never sends null in a list, or a pod without a spec.
    if !pod["spec"].is_object() {
        pod["spec"] = json!({});
    }
    for list in LISTS {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            if container.is_null() {
                *container = json!({"name": ""});
            }
        }
    }
    pod
}

/// With everything that hardening reads besides the Standard.
fn pod(seed: u64) -> Value {
    let mut pod = sent(seed);
    let mut random = Random::new(seed);
    for (path, value) in EXTRAS {
        if random.one_in(8) {
            set(&mut pod, path, serde_json::from_str(value).unwrap());
        }
    }
    if random.one_in(2) {
        inject_token(&mut pod, &mut random);
    }
    pod
}

const EXTRAS: [(&str, &str); 16] = [
    ("spec.securityContext.windowsOptions.runAsUserName", r#""ContainerAdministrator""#),
    (
        "spec.containers[0].securityContext.windowsOptions.runAsUserName",
        r#""containerADMINISTRATOR""#,
    ),
    ("spec.containers[0].securityContext.windowsOptions.hostProcess", "false"),
    ("spec.containers[0].securityContext.capabilities.add", r#"["CAP_SYS_ADMIN"]"#),
    ("spec.containers[0].securityContext.capabilities.drop", "null"),
    ("spec.containers[0].resources", "{}"),
    ("spec.containers[0].resources", r#"{"limits": {"memory": "32Mi"}, "requests": null}"#),
    ("spec.containers[0].resources", r#"{"requests": {"memory": "1Gi", "a": "1"}}"#),
    ("spec.initContainers[0].resources", r#"{"requests": {"cpu": "5m"}, "limits": {"cpu": "1"}}"#),
    ("spec.resources", r#"{"limits": {"memory": "1Gi"}}"#),
    ("spec.containers[0].volumeMounts", r#"[{"name": "data", "mountPath": "/tmp/cache"}]"#),
    ("spec.initContainers[0].volumeMounts", r#"[{"name": "data", "mountPath": "/var"}]"#),
    ("spec.containers[0].volumeDevices", r#"[{"name": "disk", "devicePath": "/tmp"}]"#),
    ("spec.volumes", r#"[{"name": "portcullis-tmp-web", "secret": {}}]"#),
    (
        "metadata.annotations",
        r#"{"container.apparmor.security.beta.kubernetes.io/web": "localhost/k8s-web"}"#,
    ),
    (
        "metadata.annotations",
        r#"{"container.apparmor.security.beta.kubernetes.io/web": "runtime/default"}"#,
    ),
];

/// As the ServiceAccount plugin does, and sometimes differently.
fn inject_token(pod: &mut Value, random: &mut Random) {
    let volume = json!({"name": TOKEN, "projected": {"defaultMode": 420}});
    insert(&mut pod["spec"]["volumes"], volume, random);
    for list in LISTS {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            let path = if random.one_in(8) {
                "/mine"
            } else {
                "/var/run/secrets/kubernetes.io/serviceaccount"
            };
            insert(
                &mut container["volumeMounts"],
                json!({"name": TOKEN, "mountPath": path}),
                random,
            );
        }
    }
}

/// As the plugin does: for each container of a created pod that mounts nothing there.
fn inject_as_the_plugin_does(pod: &mut Value) {
    let sources = json!([
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt"}},
    ]);
    push(&mut pod["spec"]["volumes"], json!({"name": TOKEN, "projected": {"sources": sources}}));
    let path = "/var/run/secrets/kubernetes.io/serviceaccount";
    for list in ["initContainers", "containers"] {
        mount(pod, list, &json!({"name": TOKEN, "readOnly": true, "mountPath": path}));
    }
}

fn mount(pod: &mut Value, list: &str, mount: &Value) {
    for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
        push(&mut container["volumeMounts"], mount.clone());
    }
}

fn push(list: &mut Value, element: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(element),
        None => *list = json!([element]),
    }
}

fn insert(list: &mut Value, element: Value, random: &mut Random) {
    if !list.is_array() {
        *list = json!([]);
    }
    let list = list.as_array_mut().unwrap();
    list.insert(random.below(list.len() + 1), element);
}

fn unset(parent: &mut Value, field: &str, way: u8) {
    match way {
        0 => parent[field] = Value::Null,
        1 => parent[field] = json!({}),
        2 => drop(parent.as_object_mut().unwrap().remove(field)),
        _ => {}
    }
}

fn set(pod: &mut Value, path: &str, value: Value) {
    Path::from(path.to_owned()).set(pod, value);
}
