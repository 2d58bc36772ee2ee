//! Namespaces in report formats for findings.

use std::{collections::BTreeMap, fs};

use policy::{
    config::Config,
    findings::{Identity, Namespace, NamespaceFacts, NamespaceObjects, Presence, lint},
    harden,
    namespace::EffectivePolicy,
};
use portcullis::output::{About, Details, Format, Item, Output, Report};
use serde_json::Value;

/// The report of a namespace with a label that has no effect.
fn say(format: Format) -> String {
    let labels = BTreeMap::from([("pod-security.kubernetes.io/enforce", "strict")]);
    let labels =
        labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let object = Identity {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: "shop".to_owned(),
    };
    let policy = EffectivePolicy::new("shop", &labels, &Config::upstream());
    let invalid = policy.invalid_labels(&labels);
    let lints = lint::of_namespace(&labels, &BTreeMap::new(), invalid, &object);
    let facts = NamespaceFacts {
        name: "shop".to_owned(),
        labels: Some(labels),
        policy,
        exempt: None,
        presence: Presence::Installed,
    };
    let read = NamespaceObjects { lints, ..NamespaceObjects::default() };
    let namespace = Namespace::of(facts, read, &harden::Settings::default());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    let outputs = [Output { format, file: Some(file.clone()) }];
    let mut report = Report::open(&outputs, About::Cluster, Details::Folded).unwrap();
    report.add(Item::Namespace(&namespace)).unwrap();
    report.finish().unwrap();
    fs::read_to_string(file).unwrap()
}

#[test]
fn what_has_no_effect_is_a_result_with_its_rule() {
    let sarif: Value = serde_json::from_str(&say(Format::Sarif)).unwrap();
    let run = &sarif["runs"][0];
    let [result] = run["results"].as_array().unwrap().as_slice() else { panic!("{sarif}") };
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "lint/invalid-label");
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&"lint/invalid-label".into(), &"note".into())
    );
    let text = result["message"]["text"].as_str().unwrap();
    assert!(text.starts_with("Namespace shop: metadata.labels"), "{text}");
}

#[test]
fn what_has_no_effect_is_an_annotation() {
    let github = say(Format::Github);
    assert!(github.starts_with("::notice title=lint/invalid-label::Namespace shop: "), "{github}");
    assert_eq!(github.lines().count(), 1, "{github}");
}

#[test]
fn what_has_no_effect_fails_no_case() {
    let junit = say(Format::Junit);
    assert!(junit.contains("<testsuite name=\"cluster/shop\" tests=\"1\""), "{junit}");
    assert!(
        junit.contains("failures=\"0\"")
            && junit.contains("<system-out>lint/invalid-label: Namespace shop: "),
        "{junit}"
    );
}
