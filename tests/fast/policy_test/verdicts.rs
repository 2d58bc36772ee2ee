//! Verdicts equal the webhook's: by the namespace's labels, and of hardened pods if it hardens.

use crate::{
    policy_test::program::{HOST, WEB, folder_with, test_in},
    support::process::Folder,
};

/// Runs one case, and returns the exit status.
fn status(config: &str, case: &str) -> Option<i32> {
    let (folder, outcome) = tried(config, case);
    drop(folder);
    assert_ne!(outcome.status, Some(2), "{}", outcome.out);
    outcome.status
}

fn tried(config: &str, case: &str) -> (Folder, crate::policy_test::program::Outcome) {
    let case = format!("- name: a\n  manifests: [pods.yaml]\n{case}\n");
    let folder = folder_with("config: config.yaml\n", &case);
    folder.write("pods.yaml", format!("{WEB}\n---\n{HOST}\n"));
    let head = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n";
    folder.write("config.yaml", format!("{head}{config}\n"));
    let outcome = test_in(folder.path(), &["t.yaml"]);
    (folder, outcome)
}

const ALL: &str = "[runAsNonRoot, seccompProfile, capabilities, allowPrivilegeEscalation]";

#[test]
fn pods_are_judged_hardened_where_the_webhook_hardens() {
    let expect = |labels: &str, web: &str| {
        let case = format!(
            "  labels: {{{labels}}}\n  expect: [{{workload: Pod/web, {web}}}, {{workload: all, verdict: denied}}]"
        );
        status("", &case)
    };
    let enforce = "pod-security.kubernetes.io/enforce: restricted";
    // `auto` hardens only if restricted is enforced.
    assert_eq!(expect("", "verdict: allowed, hardened: []"), Some(0));
    assert_eq!(expect(enforce, &format!("verdict: allowed, hardened: {ALL}")), Some(0));
    assert_eq!(expect(enforce, "verdict: denied"), Some(1));
    // The label applies to one namespace.
    let off = format!("{enforce}, portcullis.dev/harden: \"off\"");
    assert_eq!(expect(&off, "verdict: denied, hardened: []"), Some(0));
    assert_eq!(
        expect("portcullis.dev/harden: apply", &format!("verdict: allowed, hardened: {ALL}")),
        Some(0)
    );
    assert_eq!(expect("portcullis.dev/harden: report", "verdict: allowed, hardened: []"), Some(0));
}

#[test]
fn the_configuration_selects_the_added_fields() {
    let config = "defaults: {enforce: restricted}\nharden: {runAsNonRoot: false, readOnlyRootFilesystem: true}";
    let expect = |hardened: &str, controls: &str| {
        let web = format!("verdict: denied, hardened: {hardened}, controls: {controls}");
        status(
            config,
            &format!(
                "  expect: [{{workload: Pod/web, {web}}}, {{workload: all, verdict: denied}}]"
            ),
        )
    };
    let hardened =
        "[readOnlyRootFilesystem, seccompProfile, capabilities, allowPrivilegeEscalation]";
    assert_eq!(expect(hardened, "[runAsNonRoot]"), Some(0));
    assert_eq!(expect(ALL, "[runAsNonRoot]"), Some(1));
    assert_eq!(expect(hardened, "[runAsNonRoot, seccompProfile_restricted]"), Some(1));
}

#[test]
fn rules_deny_or_warn() {
    let config = |mode: &str| format!("rules: {{imageTag: {mode}}}");
    let expect = |mode: &str, web: &str| {
        let case =
            format!("  expect: [{{workload: Pod/web, {web}}}, {{workload: all, verdict: denied}}]");
        status(&config(mode), &case)
    };
    assert_eq!(
        expect("enforce", "verdict: denied, controls: [rules/imageTag], warnings: []"),
        Some(0)
    );
    for mode in ["warn", "audit"] {
        let expected = "verdict: allowed, controls: [], warnings: [rules/imageTag]";
        assert_eq!(expect(mode, expected), Some(0), "{mode}");
        assert_eq!(expect(mode, "verdict: allowed, warnings: []"), Some(1), "{mode}");
        // Omitted fields are not checked.
        assert_eq!(expect(mode, "verdict: allowed"), Some(0), "{mode}");
    }
}

/// Exempt pods are not allowed but not judged.
#[test]
fn exempt_is_a_verdict_of_its_own() {
    let config = "exemptions: {namespaces: [tools]}";
    let expect = |verdict: &str| {
        let case = format!("  namespace: tools\n  expect: [{{workload: all, verdict: {verdict}}}]");
        status(config, &case)
    };
    assert_eq!(expect("exempt"), Some(0));
    assert_eq!(expect("allowed"), Some(1));
    assert_eq!(expect("denied"), Some(1));
}

#[test]
fn versions_replace_the_policy_s_or_resolve_latest() {
    // A safe sysctl since v1.27.
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {securityContext: {sysctls: [{name: net.ipv4.ip_local_reserved_ports, value: \"1\"}]}, containers: [{name: a, image: a}]}}";
    let verdict = |fields: &str, labels: &str| {
        let case = format!(
            "- name: a\n  labels: {{{labels}}}\n  manifest: |\n    {pod}\n  expect: [{{workload: all, verdict: allowed}}]\n"
        );
        let folder = folder_with(fields, &case);
        test_in(folder.path(), &["t.yaml"]).status
    };
    let pinned = "pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/enforce-version: v1.27";
    assert_eq!(verdict("", ""), Some(0));
    assert_eq!(verdict("clusterVersion: v1.26\n", ""), Some(1));
    assert_eq!(verdict("policyVersion: v1.26\n", ""), Some(1));
    assert_eq!(verdict("", pinned), Some(0));
    assert_eq!(verdict("policyVersion: v1.26\n", pinned), Some(1));
    assert_eq!(verdict("clusterVersion: v1.30\n", pinned), Some(0));
    assert_eq!(verdict("clusterVersion: v1.26\n", pinned), Some(1));
}

/// No case is left out by mistake, and no expectation applies to nothing.
#[test]
fn workloads_and_expectations_meet() {
    let (_folder, outcome) = tried("", "  expect: [{workload: Pod/web, verdict: allowed}]");
    assert_eq!(outcome.status, Some(1));
    let expected = "Pod host: no expectation names it: add one for it, or for all";
    assert!(outcome.out.contains(expected), "{}", outcome.out);
    let (_folder, outcome) = tried(
        "",
        "  expect: [{workload: Deployment/web, verdict: allowed}, {workload: all, verdict: denied}]",
    );
    assert_eq!(outcome.status, Some(1));
    let expected = "Deployment/web: no workload is named so: there are Pod web, Pod host";
    assert!(outcome.out.contains(expected), "{}", outcome.out);
}
