//! The policy: level, version, the cluster's version, the configuration and its exemptions.

use std::path::PathBuf;

use crate::{
    check::program::{Outcome, check, check_with, controls},
    support::process::Folder,
};

const POD: &[u8] = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: kube-system}\n\
spec:\n  runtimeClassName: kata\n  hostNetwork: true\n  containers: [{name: c, image: c}]\n";

fn judged(args: &[&str]) -> Outcome {
    check_with(&[&["-o", "jsonl"], args].concat(), POD)
}

/// `level version control…`
fn verdict(args: &[&str]) -> String {
    let outcome = judged(args);
    let rows = outcome.rows();
    let [row] = &rows[..] else { panic!("{}{}", outcome.out, outcome.err) };
    let word = |key: &str| row[key].as_str().unwrap().to_owned();
    format!("{} {} {}", word("level"), word("version"), controls(row).join(" ")).trim().to_owned()
}

#[test]
fn the_level_is_the_one_that_is_asked_for_or_what_is_enforced_by_default() {
    assert_eq!(verdict(&[]), "baseline v1.37 hostNamespaces");
    assert_eq!(verdict(&["--level", "privileged"]), "privileged v1.37");
    assert_eq!(
        verdict(&["--level", "restricted"]),
        "restricted v1.37 hostNamespaces allowPrivilegeEscalation capabilities_restricted \
         runAsNonRoot seccompProfile_restricted"
    );
}

#[test]
fn versions_are_those_of_the_standard() {
    let at = |args: &[&str]| verdict(&[&["--level", "restricted"], args].concat());
    // allowPrivilegeEscalation came with v1.8, the restricted capabilities with v1.22.
    assert_eq!(at(&["--policy-version", "v1.7"]), "restricted v1.7 hostNamespaces runAsNonRoot");
    assert_eq!(
        at(&["--policy-version", "v1.21"]),
        "restricted v1.21 hostNamespaces allowPrivilegeEscalation runAsNonRoot \
         seccompProfile_restricted"
    );
    assert_eq!(at(&["--policy-version", "v1.99"]), at(&[]));
    assert_eq!(verdict(&["--policy-version", "v1.20"]), "baseline v1.20 hostNamespaces");
}

#[test]
fn the_clusters_version_caps_what_latest_means() {
    let version = |args: &[&str]| verdict(args).split(' ').nth(1).unwrap().to_owned();
    assert_eq!(version(&["--cluster-version", "v1.30"]), "v1.30");
    assert_eq!(version(&["--cluster-version", "v1.30.4+k3s1"]), "v1.30");
    assert_eq!(version(&["--cluster-version", "v1.99"]), "v1.37");
    assert_eq!(version(&["--cluster-version", "v1.30", "--policy-version", "v1.29"]), "v1.29");
    assert_eq!(version(&["--cluster-version", "v1.30", "--policy-version", "v1.31"]), "v1.30");
    let outcome = check_with(&["--cluster-version", "v1.30"], POD);
    let judged = outcome.out.lines().find(|line| line.starts_with("baseline:")).unwrap();
    assert_eq!(judged, "baseline:v1.30 (latest): 1 of 1 object violates it, 1 violation");
}

struct Configuration(tempfile::TempDir);

impl Configuration {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.yaml"), text).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("config.yaml")
    }
}

#[test]
fn the_configuration_gives_the_level_that_no_flag_gives() {
    let config = Configuration::new(
        "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n\
         defaults: {enforce: restricted, enforce-version: v1.7, warn: privileged}\n",
    );
    let file = config.file();
    let file = file.to_str().unwrap();
    assert_eq!(verdict(&["--config", file]), "restricted v1.7 hostNamespaces runAsNonRoot");
    assert_eq!(
        verdict(&["--config", file, "--level", "baseline"]),
        "baseline v1.37 hostNamespaces"
    );
    assert_eq!(
        verdict(&["--config", file, "--policy-version", "v1.6"]),
        "restricted v1.6 hostNamespaces runAsNonRoot"
    );
}

#[test]
fn exempt_pods_are_allowed_with_the_reason() {
    for (exemption, says) in [
        ("namespaces: [kube-system]", Some("namespace")),
        ("runtimeClasses: [kata]", Some("runtimeClass")),
        ("usernames: [admin]", None),
        ("namespaces: [default]", None),
    ] {
        let config = Configuration::new(&format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\nexemptions: {{{exemption}}}\n"
        ));
        let file = config.file();
        let args = ["--level", "restricted", "--config", file.to_str().unwrap()];
        let outcome = judged(&args);
        let row = &outcome.rows()[0];
        assert_eq!(row.get("exempt").and_then(|exempt| exempt.as_str()), says, "{exemption}");
        assert_eq!(row["allowed"], says.is_some(), "{exemption}");
        assert_eq!(controls(row).is_empty(), says.is_some(), "{exemption}");
        assert_eq!(outcome.status, Some(i32::from(says.is_none())), "{exemption}");
        let human = check_with(&args, POD).out;
        assert_eq!(human.contains("1 exempt by the configuration"), says.is_some(), "{human}");
    }
}

#[test]
fn status_1_is_for_findings_and_only_where_all_could_be_read() {
    let status = |args: &[&str]| check(args).status;
    assert_eq!(status(&["tests/manifests/clean.yaml"]), Some(0));
    assert_eq!(status(&["--level", "privileged", "tests/manifests/every-kind.yaml"]), Some(0));
    assert_eq!(status(&["tests/manifests/every-kind.yaml"]), Some(1));
    assert_eq!(status(&["tests/manifests/every-kind.yaml", "tests/manifests/clean.yaml"]), Some(1));
    assert_eq!(status(&["--level", "privileged", "tests/manifests/broken.yaml"]), Some(2));
    assert_eq!(status(&["tests/manifests"]), Some(2));
}

/// Violations of rules in the modes warn and audit are reported, and do not deny.
#[test]
fn rules_that_do_not_enforce_are_warnings() {
    for (mode, denies) in [("warn", false), ("audit", false), ("enforce", true)] {
        let config = Configuration::new(&format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\nrules: {{imageTag: {mode}}}\n"
        ));
        let file = config.file();
        let args = ["--config", file.to_str().unwrap(), "--level", "privileged"];
        let outcome = judged(&args);
        let row = &outcome.rows()[0];
        assert_eq!(controls(row), ["rules/imageTag"], "{mode}");
        assert_eq!(
            (row["allowed"] == false, outcome.status == Some(1)),
            (denies, denies),
            "{mode}"
        );
        let report = |form| check_with(&[&args[..], &["-o", form]].concat(), POD).out;
        let summary: serde_json::Value = serde_json::from_str(&report("json")).unwrap();
        assert_eq!(summary["summary"]["violating"], i32::from(denies), "{mode}");
        assert_eq!(report("junit").contains("<failure"), denies, "{mode}");
    }
}

#[test]
fn an_exception_that_allows_nothing_is_noted() {
    let folder = Folder::new("idle-exception");
    let exception = |allow: &str| {
        format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: PolicyException\nmetadata: {{name: e}}\n\
             spec:\n  match: {{namespaces: [kube-system]}}\n  allow: {allow}\n  reason: r\n  owner: o\n  \
             expires: \"2999-01-01T00:00:00Z\"\n"
        )
    };
    let noted = |allow: &str| {
        let file = folder.write("exception.yaml", exception(allow));
        let outcome = judged(&["--exceptions", file.to_str().unwrap()]);
        assert_eq!(outcome.rows().len(), 1, "{outcome:?}");
        outcome.err
    };
    let note = "portcullis: PolicyException e: it allows nothing: every level allows volumeTypes emptyDir anyway\n";
    assert_eq!(noted("{volumeTypes: [emptyDir]}"), note);
    assert_eq!(noted("{volumeTypes: [nfs]}"), "");
}
