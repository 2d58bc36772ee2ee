//! What must hold of hardening, held of pods made at random.

use std::sync::LazyLock;

use portcullis::harden::{Field, Settings};
use portcullis::pss::{Level, NEWEST};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    generator::{Generator, Random},
    held::{Held, broken, read},
    pods::{Path, base},
    settings,
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
    fn any_pod_is_hardened_well(seed: u64, on in rows()) {
        Held::new(&pod(seed), None, &on);
    }

    #[test]
    fn any_debug_container_is_hardened_well(seed: u64, on in rows(), known in 0..3usize) {
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

    /// Each way of leaving a field unset, at the pod and in each container.
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

/// Any rows of the table.
fn rows() -> impl Strategy<Value = Settings> {
    (0..1usize << Field::ALL.len()).prop_map(|bits| {
        settings(|field| {
            let index = Field::ALL.iter().position(|other| *other == field).unwrap();
            bits & 1 << index != 0
        })
    })
}

/// A pod as kube-apiserver may send it, with what hardening looks at besides the Standard.
fn pod(seed: u64) -> Value {
    let mut pod: Value = serde_json::from_str(&GENERATOR.pod(seed)).unwrap();
    let mut random = Random::new(seed);
    // In what the API server sends, an object is never null in a list, nor is the spec missing.
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

const EXTRAS: [(&str, &str); 5] = [
    ("spec.securityContext.windowsOptions.runAsUserName", r#""ContainerAdministrator""#),
    (
        "spec.containers[0].securityContext.windowsOptions.runAsUserName",
        r#""containerADMINISTRATOR""#,
    ),
    ("spec.containers[0].securityContext.windowsOptions.hostProcess", "false"),
    ("spec.containers[0].securityContext.capabilities.add", r#"["CAP_SYS_ADMIN"]"#),
    ("spec.containers[0].securityContext.capabilities.drop", "null"),
];

/// As the ServiceAccount plugin does, and now and then as nobody does.
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
