//! Valid and invalid test files.

use std::{collections::BTreeSet, path::Path};

use policy::{harden::Field, pss::Minor, requirement::Requirement};

use crate::{
    config::ConfigError,
    policy_test::{Manifests, Suite, Verdict, Whom, parse},
};

const HEAD: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: PolicyTest\nname: shop\n";

fn read(text: &str) -> Result<Suite, ConfigError> {
    parse(&format!("{HEAD}{text}"), Path::new("t.yaml"))
}

fn bad(text: &str) -> Vec<String> {
    read(text).unwrap_err().problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_reads_as_it_is_written() {
    let suite = read(
        "
config: ../config.yaml
policyVersion: v1.30
clusterVersion: v1.31
cases:
- name: one
  manifests: [agent.yaml, more]
  namespace: monitoring
  labels: {portcullis.dev/profile: agent}
  expect:
  - {workload: Pod/agent, verdict: denied, controls: [hostPorts, rules/imageTag], hardened: []}
  - {workload: all, verdict: allowed, warnings: [rules/imageTag], hardened: [runAsNonRoot]}
- name: two
  manifest: |
    kind: Pod
  expect: [{workload: all, verdict: exempt}]
",
    )
    .unwrap();
    assert_eq!((suite.name.as_str(), suite.config.as_deref()), ("shop", Some("../config.yaml")));
    assert_eq!(suite.version.unwrap().to_string(), "v1.30");
    assert_eq!(suite.cluster, Some(Minor(31)));
    let [one, two] = &suite.cases[..] else { panic!("{suite:?}") };
    assert_eq!((one.name.as_str(), one.line, one.namespace.as_str()), ("one", 9, "monitoring"));
    assert_eq!(one.manifests, Manifests::Files(vec!["agent.yaml".into(), "more".into()]));
    assert_eq!(one.labels["portcullis.dev/profile"], "agent");
    let [agent, all] = &one.expectations[..] else { panic!("{one:?}") };
    assert_eq!(agent.controls, Some(BTreeSet::from(["hostPorts", "rules/imageTag"])));
    assert_eq!((&agent.warnings, &agent.hardened), (&None, &Some(BTreeSet::new())));
    assert_eq!((&all.whom, all.verdict), (&Whom::All, Verdict::Allowed));
    assert_eq!(all.hardened, Some(BTreeSet::from(["runAsNonRoot"])));
    assert_eq!(two.manifests, Manifests::Inline("kind: Pod\n".to_owned()));
    assert_eq!(two.expectations[0].verdict, Verdict::Exempt);
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_what_is_allowed() {
    let case = |text: &str| {
        format!("cases: [{{name: a, manifest: x, expect: [{{workload: all, {text}}}]}}]")
    };
    for (text, expected) in [
        (String::new(), vec!["t.yaml:1:1: cases is missing: must be at least one case"]),
        ("cases: {}".to_owned(), vec!["t.yaml:4:8: cases: must be a list, but is a mapping"]),
        (
            "cases: []\nexception: [a.yaml]".to_owned(),
            vec![
                "t.yaml:4:1: cases is missing",
                "t.yaml:5:1: unknown field \"exception\" (did you mean \"exceptions\"?): allowed are apiVersion, kind, name, config, policyVersion, clusterVersion, exceptions, time, cases",
            ],
        ),
        (
            "policyVersion: v1.99\nclusterVersion: latest\ncases: [{namespace: a}]".to_owned(),
            vec![
                "t.yaml:4:16: policyVersion: \"v1.99\": must be \"latest\" or \"v1.x\", at most v1.37",
                "t.yaml:5:17: clusterVersion: \"latest\": must be \"v1.x\", at most v1.37",
                "t.yaml:6:9: cases[0].name is missing",
                "cases[0].manifests is missing: must be a list of files",
                "cases[0].expect is missing",
            ],
        ),
        (
            "cases: [{name: a, manifest: x, manifests: [y], namespace: A, labels: {app: web, portcullis.dev/profile: 1}, expect: [{}, {hardened: []}]}]".to_owned(),
            vec![
                "cases[0].manifest: must not stand beside cases[0].manifests",
                "cases[0].namespace: \"A\": must be a DNS-1123 label",
                "cases[0].labels.app: \"app\": sets no policy: must be one of",
                "cases[0].labels[portcullis.dev/profile]: must be a string, but is the number 1",
                "cases[0].expect[0].workload is missing: must be Kind/name",
                "cases[0].expect[0].verdict is missing: must be one of allowed, denied, exempt",
                "cases[0].expect[1].workload is missing: must be Kind/name",
                "cases[0].expect[1].verdict is missing: must be one of allowed, denied, exempt",
            ],
        ),
        (
            "cases: [{name: a, manifests: [\"-\", \"\", 1, a.yaml], expect: [{workload: all, verdict: denied}]}]".to_owned(),
            vec![
                "cases[0].manifests[0]: \"-\": must be the name of a file",
                "cases[0].manifests[1]: \"\": must be the name of a file",
                "cases[0].manifests[2]: must be a string, but is the number 1: write \"1\" in quotes",
            ],
        ),
        (
            "cases: [{name: a, manifest: {}, expect: [{workload: web, verdict: forbidden}]}]".to_owned(),
            vec![
                "cases[0].manifest: must be a string, but is a mapping",
                "cases[0].expect[0].workload: \"web\": must be Kind/name",
                "cases[0].expect[0].verdict: \"forbidden\": must be one of",
            ],
        ),
        (
            case("verdict: denied, controls: [hostport, hostPorts, hostPorts, 1], warnings: [hostPorts], hardened: [nonRoot]"),
            vec![
                "controls[0]: \"hostport\": must be the id of a control or a rule",
                "controls[2]: \"hostPorts\": must not be listed twice",
                "controls[3]: must be a string",
                "warnings[0]: \"hostPorts\": must be the id of a rule",
                "hardened[0]: \"nonRoot\": must be one of runAsNonRoot, seccompProfile",
            ],
        ),
        (
            case("verdict: allowed, controls: [hostPorts]"),
            vec!["controls: what is allowed is denied by none: must be empty"],
        ),
        (
            case("verdict: denied, controls: []"),
            vec!["controls: what is denied is denied by something"],
        ),
        (
            case("verdict: exempt, warnings: [rules/imageTag], hardened: [runAsNonRoot]"),
            vec![
                "warnings: what is exempt is not looked at",
                "hardened: what is exempt is not looked at",
            ],
        ),
        (
            "cases:\n- {name: a, manifest: x, expect: [{workload: all, verdict: allowed}, {workload: all, verdict: denied}]}\n- {name: a, manifest: x, expect: [{workload: all, verdict: allowed}]}".to_owned(),
            vec![
                "cases[0].expect[1].workload: \"all\": must not be named twice",
                "t.yaml:6:10: cases[1].name: \"a\": must not be the name of two cases",
            ],
        ),
    ] {
        let found = bad(&text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}

#[test]
fn another_document_is_told_what_this_one_must_be() {
    let error = parse("kind: Pod\napiVersion: v1\n", Path::new("t.yaml")).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("t.yaml:1:7: kind: \"Pod\": must be PolicyTest"), "{error}");
    assert!(error.contains("apiVersion: \"v1\": must be portcullis.dev/v1alpha1"), "{error}");
    for text in ["", "[]", "a: [", "--- {}\n--- {}"] {
        assert!(!parse(text, Path::new("t.yaml")).unwrap_err().problems.is_empty(), "{text}");
    }
}

#[test]
fn every_field_of_hardening_and_every_requirement_can_be_expected() {
    let list = |names: Vec<&str>| names.join(", ");
    let fields = list(Field::ALL.into_iter().map(Field::name).collect());
    let ids = list(Requirement::all().map(Requirement::id).collect());
    let text = format!(
        "cases: [{{name: a, manifest: x, expect: [{{workload: all, verdict: denied, controls: [{ids}], hardened: [{fields}]}}]}}]"
    );
    let suite = read(&text).unwrap();
    let expectation = &suite.cases[0].expectations[0];
    assert_eq!(expectation.hardened.as_ref().unwrap().len(), Field::ALL.len());
    assert_eq!(expectation.controls.as_ref().unwrap().len(), Requirement::all().count());
}
