//! One verdict: the result of a test for a workload equals the patch of `/mutate` and then the decision of `/validate`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use admission::{Effect, Hook, Outcome, Request, Review, review};
use policy::{
    config::Config,
    harden::PatchText,
    pss::NEWEST,
    requirement::Violation,
    verdict::{Context, ExceptionsAt},
};
use portcullis::config;
use serde_json::{Value, json};

use crate::{
    policy_test::program::{project, test_in},
    support::process::Folder,
    support::review::{POLICY, review_of},
};

/// Added to the policy, after its last profile.
const MORE: &str = "  strict: {level: restricted, namespaces: [shop]}
harden: {readOnlyRootFilesystem: true, automountServiceAccountToken: false}
";

const LABELS: [&str; 8] = [
    "",
    "pod-security.kubernetes.io/enforce=privileged",
    "pod-security.kubernetes.io/enforce=restricted",
    "pod-security.kubernetes.io/enforce=restricted portcullis.dev/harden=off",
    "portcullis.dev/harden=apply",
    "portcullis.dev/profile=legacy portcullis.dev/harden=apply",
    "portcullis.dev/profile=strict",
    "portcullis.dev/profile=none",
];

/// The violations of a workload, and the added fields.
type Found = (BTreeSet<String>, BTreeSet<String>);

fn asked<T>(
    hook: Hook,
    object: &Value,
    labels: &BTreeMap<String, String>,
    config: &Config,
    then: impl FnOnce(Outcome<'_>) -> T,
) -> T {
    let body = review_of(object);
    let request = Request::decode(&body, policy::workloads::Kinds::default()).unwrap();
    match review(hook, &request, Context { config, newest: NEWEST, excepted: ExceptionsAt::none() })
    {
        Review::AwaitsPolicy(waiting) => then(waiting.with(Ok(labels))),
        Review::Decided(outcome) => then(outcome),
        Review::AwaitsPods(_) => panic!("a namespace is not asked about"),
    }
}

fn by_webhook(object: &Value, labels: &BTreeMap<String, String>, config: &Config) -> Found {
    let mut object = object.clone();
    let mut added = BTreeSet::new();
    let patch = asked(Hook::Mutate, &object, labels, config, |outcome| match outcome {
        Outcome::Harden(hardening) if hardening.effect == Effect::Apply => {
            added.extend(hardening.changes.iter().map(|change| change.field.name().to_owned()));
            hardening.patch()
        }
        Outcome::Harden(_) | Outcome::Ignore => PatchText::default(),
        other => panic!("{other:?}"),
    });
    if !patch.is_empty() {
        let patch: json_patch::Patch = serde_json::from_slice(patch.as_bytes()).unwrap();
        json_patch::patch(&mut object, &patch).unwrap();
    }
    let denied = asked(Hook::Validate, &object, labels, config, |outcome| match outcome {
        Outcome::Pod(verdict) => ids(&verdict.enforce),
        Outcome::Workload { held, .. } => {
            let verdict = &held[0].verdict;
            let changes = verdict.case.changes.iter();
            added.extend(changes.map(|change| change.field.name().to_owned()));
            ids(&verdict.enforce)
        }
        other => panic!("not judged: {other:?}"),
    });
    (denied, added)
}

fn ids(violations: &[Violation]) -> BTreeSet<String> {
    violations.iter().map(|violation| violation.requirement.id().to_owned()).collect()
}

fn by_test(objects: &[Value], labels: &BTreeMap<String, String>) -> Vec<Found> {
    let folder = Folder::new("webhook");
    folder.write("config.yaml", format!("{POLICY}{MORE}"));
    let manifests: Vec<_> = objects.iter().map(Value::to_string).collect();
    folder.write("objects.yaml", manifests.join("\n---\n"));
    let test = json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "PolicyTest", "name": "parity", "config": "config.yaml",
        "cases": [{
            "name": "all", "namespace": "shop", "labels": labels, "manifests": ["objects.yaml"],
            // The result is checked below.
            "expect": [{"workload": "all", "verdict": "allowed"}],
        }],
    });
    folder.write("t.yaml", test.to_string());
    let outcome = test_in(folder.path(), &["t.yaml", "-o", "json"]);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let case = &report["suites"][0]["cases"][0];
    assert_eq!(case["errors"], json!([]), "{report}");
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let workloads = case["workloads"].as_array().unwrap().iter();
    workloads
        .map(|workload| {
            let controls: BTreeSet<_> = names(&workload["controls"]);
            let verdict = if controls.is_empty() { "allowed" } else { "denied" };
            assert_eq!(workload["verdict"], verdict, "{workload}");
            (controls, names(&workload["hardened"]))
        })
        .collect()
}

#[test]
fn on_every_kind_under_labels_profiles_and_hardening() {
    let text = fs::read_to_string(project().join("tests/manifests/every-kind.yaml")).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let is_judged = |object: &Value| object["kind"] != "Namespace" && object["kind"] != "Service";
    let mut objects: Vec<_> = objects.into_iter().filter(is_judged).collect();
    for object in &mut objects {
        object["metadata"].as_object_mut().unwrap().remove("namespace");
    }
    // One that meets everything once hardened, and one that hardening cannot fix.
    objects.push(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "plain"}, "spec": {
            "containers": [{"name": "a", "image": "registry.example/a:1"}],
        }}),
    );
    objects.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "host"}, "spec": {
        "hostNetwork": true, "containers": [{"name": "a", "image": "a", "securityContext": {"privileged": true}}],
    }}));
    let config = {
        let folder = Folder::new("webhook");
        config::load(&folder.write("config.yaml", format!("{POLICY}{MORE}"))).unwrap()
    };
    let (mut denied, mut allowed, mut hardened) = (0, 0, 0);
    for labels in LABELS {
        let set = labels.split_whitespace().map(|label| label.split_once('=').unwrap());
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let found = by_test(&objects, &set);
        assert_eq!(found.len(), objects.len());
        for (found, object) in found.iter().zip(&objects) {
            let expected = by_webhook(object, &set, &config);
            assert_eq!(*found, expected, "{labels}: {object}");
            denied += usize::from(!found.0.is_empty());
            allowed += usize::from(found.0.is_empty());
            hardened += usize::from(!found.1.is_empty());
        }
    }
    assert!(denied > 30 && allowed > 5 && hardened > 20, "{denied} {allowed} {hardened}");
}
