//! Namespaces in report formats for findings.

use std::{collections::BTreeMap, fs, time::SystemTime};

use policy::{
    config::Config,
    findings::{
        Audited, Identity, Namespace, NamespaceFacts, NamespaceObjects, Policy, Presence, Workload,
        lint,
    },
    harden,
    namespace::EffectivePolicy,
    pss::Pod,
};
use portcullis::output::{About, Details, Format, Item, Output, Report};
use serde_json::Value;

/// The report of a namespace with a label that has no effect.
fn say(format: Format) -> String {
    report(format, Details::Folded, &[namespace("shop")])
}

fn report(format: Format, details: Details, namespaces: &[Namespace]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    let outputs = [Output { format, file: Some(file.clone()) }];
    let mut report = Report::open(&outputs, About::Cluster, details).unwrap();
    for namespace in namespaces {
        for audited in &namespace.workloads {
            report.add(Item::Workload(&audited.workload, None)).unwrap();
        }
        report.add(Item::Namespace(namespace)).unwrap();
    }
    report.finish().unwrap();
    fs::read_to_string(file).unwrap()
}

fn namespace(name: &str) -> Namespace {
    let labels = BTreeMap::from([("pod-security.kubernetes.io/enforce", "strict")]);
    let labels =
        labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let object = Identity {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
    };
    let policy = EffectivePolicy::new(name, &labels, &Config::upstream());
    let invalid = policy.invalid_labels(&labels);
    let lints = lint::of_namespace(&labels, &BTreeMap::new(), invalid, &object);
    let facts = NamespaceFacts {
        name: name.to_owned(),
        labels: Some(labels),
        policy,
        exempt: None,
        presence: Presence::Installed,
    };
    let read = NamespaceObjects { lints, ..NamespaceObjects::default() };
    Namespace::of(facts, read, &harden::Settings::default())
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

/// A pod in the node's network, which the baseline level of its namespace forbids.
fn violating(namespace: &str) -> Audited {
    let text = r#"{"spec":{"hostNetwork":true,"containers":[{"name":"a","image":"a"}]}}"#;
    let pod: Pod<'_> = serde_json::from_str(text).unwrap();
    let policy = Policy::new(Config::embedded(), None, None, None, SystemTime::now());
    let identity = Identity {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: namespace.to_owned(),
        name: "web".to_owned(),
    };
    let workload = Workload::judge(identity, &[pod.into()], &policy);
    Audited { workload, uid: String::new(), pods: 1 }
}

/// The worst namespaces come first, in whatever order they are read.
#[test]
fn many_namespaces_fit_three_screens() {
    let namespaces: Vec<_> = (0..510)
        .map(|index| {
            let mut namespace = namespace(&format!("team-{index}"));
            if index % 50 == 7 {
                namespace.workloads.push(violating(&namespace.facts.name));
            }
            namespace
        })
        .collect();
    let folded = report(Format::Human, Details::Folded, &namespaces);
    let lines: Vec<_> = folded.lines().collect();
    assert!(lines.len() <= 72, "{}\n{folded}", lines.len());
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{folded}");
    assert!(
        lines[0].starts_with("error[hostNamespaces]: host namespaces: Pod team-7/web and 10 more"),
        "{folded}"
    );
    let first = lines.iter().position(|line| line.starts_with("team-")).unwrap();
    for (at, line) in (7..510).step_by(50).zip(&lines[first..]) {
        assert!(line.starts_with(&format!("team-{at}: ")), "{line}\n{folded}");
    }
    assert!(lines.contains(&" and 485 more: --details"), "{folded}");
    let all = report(Format::Human, Details::All, &namespaces);
    assert!(all.lines().count() > 1500, "{all}");
    assert_eq!(
        report(Format::Human, Details::Folded, &namespaces[..7]),
        report(Format::Human, Details::All, &namespaces[..7])
    );
}
