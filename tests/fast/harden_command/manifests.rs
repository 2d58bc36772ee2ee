//! Every case of the Standard, random pods, and pods with missing fields: in every notation, and in every kind that
//! contains a pod.

use crate::{
    generator::{Generator, Random},
    harden_command::{
        everything, hardened, hardened_by,
        render::{FORMS, Form, write},
    },
    pods::{base, cases, strip_nulls},
    support::skip::Skip,
};
use policy::{
    harden::{self, Scope, Settings},
    pss::{Level, NEWEST, Pod, evaluate},
    rules::Check,
};
use serde::Deserialize as _;
use serde_json::{Value, json};

const KINDS: usize = 4;
/// The number of notations for each pod.
const EACH: usize = 2;

/// A pod, or an object that creates it.
fn wrapped(pod: &Value, kind: usize) -> Value {
    let pod = &with_images(pod);
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": pod["spec"]});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": pod["metadata"],
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    });
    match kind {
        0 => pod.clone(),
        1 => deployment,
        2 => json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": pod["metadata"],
            "spec": {"jobTemplate": {"spec": {"template": template}}, "schedule": "0 3 * * *"},
        }),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": [deployment, pod]}),
    }
}

/// A container without an image is part of a patch.
fn with_images(pod: &Value) -> Value {
    let mut pod = pod.clone();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            if container["image"].as_str().is_none_or(str::is_empty) {
                container["image"] = json!("app");
            }
        }
    }
    pod
}

/// The pods in the result of [`wrapped`].
fn unwrapped(object: &Value) -> Vec<&Value> {
    match object["kind"].as_str().unwrap() {
        "Pod" => vec![object],
        "Deployment" => vec![&object["spec"]["template"]],
        "CronJob" => vec![&object["spec"]["jobTemplate"]["spec"]["template"]],
        _ => object["items"].as_array().unwrap().iter().flat_map(unwrapped).collect(),
    }
}

/// Whether `new` contains everything of `old`, in the same order.
fn holds(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => old
            .iter()
            .all(|(key, old)| old.is_null() || new.get(key).is_some_and(|new| holds(new, old))),
        (Value::Array(new), Value::Array(old)) => {
            new.len() >= old.len() && new.iter().zip(old).all(|(new, old)| holds(new, old))
        }
        (new, old) => new == old,
    }
}

/// Whether a hardened pod passes restricted, so that it only lacked fields.
fn is_fixed(pod: &Value) -> bool {
    let text = pod.to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
    let changes = harden::plan(&pod, &Settings::default(), Scope::Create);
    evaluate(Level::Restricted, NEWEST, &harden::apply(&pod, &changes)).is_empty()
}

fn violations(pod: &Value) -> usize {
    let pod = Pod::deserialize(pod);
    evaluate(Level::Restricted, NEWEST, &pod.unwrap()).len()
}

/// Hardens a pod in a notation and a kind, and returns the number of fixed pods.
fn prove(pod: &Value, form: Form, kind: usize, seed: u64) -> usize {
    let object = wrapped(pod, kind);
    let before = write(&object, form, seed);
    let after = hardened(&before);
    let result: Value =
        serde_saphyr::from_str(&after).unwrap_or_else(|error| panic!("{error}\n{after}"));
    assert!(holds(&result, &object), "{before}=>\n{after}");
    assert_eq!(hardened(&after), after, "a second time");
    if matches!(form, Form::Block { .. }) {
        let mut lines = after.lines();
        for line in before.lines() {
            // An empty value may become a non-empty one.
            let bare = line.trim_end_matches(" null").trim_end_matches(" {}").trim_end_matches("]");
            let is_there = lines.any(|after| after.starts_with(bare));
            assert!(is_there, "{line:?} of\n{before}=>\n{after}");
        }
    }
    let hardened_pods: Vec<_> = unwrapped(&object)
        .into_iter()
        .zip(unwrapped(&result))
        .filter(|(before, _)| is_fixed(before))
        .collect();
    for (_, pod) in &hardened_pods {
        assert_eq!(violations(pod), 0, "{before}=>\n{after}");
    }
    hardened_pods.len()
}

/// Uses some of the notations for each, and other ones for its neighbours.
fn prove_in_forms(pods: impl IntoIterator<Item = Value>) -> usize {
    // No API server accepts a null container or a pod without containers, so there is nothing to add to.
    let pods = pods.into_iter().filter(|pod| !has_no_container(&pod["spec"]));
    let mut hardened_pods = 0;
    for (seed, pod) in pods.enumerate() {
        for form in 0..EACH {
            let form = FORMS[(seed * EACH + form) % FORMS.len()];
            hardened_pods += prove(&pod, form, seed / EACH % KINDS, seed as u64);
        }
    }
    hardened_pods
}

fn has_no_container(spec: &Value) -> bool {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let mut containers = lists.iter().filter_map(|list| spec[*list].as_array()).flatten();
    spec["containers"].as_array().is_none_or(Vec::is_empty) || containers.any(Value::is_null)
}

#[test]
fn every_case_of_the_standard_is_hardened_however_it_is_written() {
    let mut pods: Vec<_> = cases().into_iter().map(|case| case.pod).collect();
    pods.iter_mut().for_each(strip_nulls);
    assert!(prove_in_forms(pods) > 100);
}

#[test]
fn so_are_pods_at_random() {
    let generator = Generator::new();
    let pods = (0..150).map(|number| serde_json::from_str(&generator.pod(number)).unwrap());
    prove_in_forms(pods);
}

/// The pod that passes restricted, without some of the required fields.
#[test]
fn what_merely_lacks_fields_passes_afterwards() {
    let lacking = (0..96).map(|seed| {
        let mut pod = base();
        strip_nulls(&mut pod);
        forget(&mut pod["spec"], &mut Random::new(seed));
        pod
    });
    // Two in each list, one in everything else.
    let expected = 96 * EACH * 5 / 4;
    assert_eq!(prove_in_forms(lacking), expected);
}

/// The program itself checks that each result equals the webhook's patch.
#[test]
fn every_default_that_there_is_is_written_in_every_form() {
    for seed in 0..32 {
        let mut pod = base();
        strip_nulls(&mut pod);
        let mut random = Random::new(seed);
        forget(&mut pod["spec"], &mut random);
        own(&mut pod["spec"], &mut random);
        let object = wrapped(&pod, random.below(KINDS));
        for form in FORMS {
            let before = write(&object, form, seed);
            let after = hardened_by(everything(), &before);
            let result: Value =
                serde_saphyr::from_str(&after).unwrap_or_else(|error| panic!("{error}\n{after}"));
            assert!(holds(&result, &object), "{before}=>\n{after}");
            for pod in unwrapped(&result) {
                let text = pod.to_string();
                let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
                for rule in [Check::ReadOnlyRootFilesystem, Check::UserNamespaces] {
                    assert_eq!(rule.findings(&pod), [], "{after}");
                }
                let mounts = &pod.spec.containers[0].volume_mounts;
                let has = |path: &str| mounts.iter().any(|mount| mount.mount_path == *path);
                assert!(has("/tmp") && has("/var/run"), "{after}");
                assert!(pod.spec.containers[0].resources.is_some(), "{after}");
            }
            assert_eq!(hardened_by(everything(), &after), after, "a second time");
        }
    }
}

/// Adds some parents of the fields that hardening sets.
fn own(spec: &mut Value, random: &mut Random) {
    match random.below(4) {
        0 => drop(spec.as_object_mut().unwrap().remove("volumes")),
        1 => spec["volumes"] = json!([]),
        2 => spec["volumes"] = Value::Null,
        _ => {}
    }
    for list in ["initContainers", "containers"] {
        let container = &mut spec[list][0];
        match random.below(4) {
            0 => container["volumeMounts"] = json!([]),
            1 => container["volumeMounts"] = json!([{"name": "tmp", "mountPath": "/data"}]),
            2 => container["volumeMounts"] = Value::Null,
            _ => {}
        }
        match random.below(6) {
            0 => container["resources"] = json!({}),
            1 => container["resources"] = json!({"requests": {"cpu": "5m"}}),
            2 => container["resources"] = json!({"limits": {"memory": "1Gi"}, "requests": {}}),
            3 => container["resources"] = json!({"limits": null}),
            4 => container["resources"] = json!({"requests": {"memory": "1Gi", "a.b/c": "1"}}),
            _ => {}
        }
    }
}

/// Removes some of the fields that hardening adds.
fn forget(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| {
                let is_added = matches!(
                    key.as_str(),
                    "securityContext"
                        | "capabilities"
                        | "drop"
                        | "runAsNonRoot"
                        | "seccompProfile"
                        | "allowPrivilegeEscalation"
                );
                forget(value, random);
                !is_added || random.one_in(2)
            });
        }
        Value::Array(items) => items.iter_mut().for_each(|item| forget(item, random)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The manifests of the Standard's repository, if available.
#[test]
fn upstream_fixtures_lacking_fields_pass_afterwards() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/pss-fixtures/fixtures.jsonl");
    let Ok(fixtures) = std::fs::read_to_string(file) else {
        let _ = Skip::needs_if_present(file);
        return;
    };
    let pods = fixtures.lines().enumerate().step_by(4).map(|(number, line)| {
        let fixture: Value = serde_json::from_str(line).unwrap();
        let mut pod = fixture["pod"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        forget(&mut pod["spec"], &mut Random::new(number as u64));
        pod
    });
    assert!(prove_in_forms(pods) > 100);
}
