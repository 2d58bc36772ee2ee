//! Which test files are run, what they may refer to, and the exit status if they cannot run.

use std::fs;

use crate::{
    policy_test::program::{WEB, folder, folder_with, test_in},
    support::process::Folder,
};

const PASSES: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: PolicyTest\nname: a\ncases:\n- name: one\n  manifests: [web.yaml]\n  expect: [{workload: all, verdict: allowed}]\n";

#[test]
fn every_test_below_the_current_folder_is_run_but_not_in_git() {
    let folder = Folder::new("find");
    for directory in ["a", "a/b", "c", ".hidden", ".git/hooks"] {
        fs::create_dir_all(folder.path().join(directory)).unwrap();
        folder.write(&format!("{directory}/portcullis-test.yaml"), PASSES);
        folder.write(&format!("{directory}/web.yaml"), WEB);
        folder.write(&format!("{directory}/other-test.yaml"), "no: test");
    }
    let outcome = test_in(folder.path(), &[]);
    assert_eq!((outcome.status, &*outcome.err), (Some(0), ""), "{}", outcome.out);
    let left = test_in(folder.path(), &["--exclude", "a/", "--exclude", ".hidden"]);
    assert!(left.out.ends_with("1 case in 1 file: 1 passed\n"), "{}", left.out);
    let files: Vec<_> = outcome.out.lines().filter(|line| line.ends_with(": a")).collect();
    assert_eq!(
        files,
        [
            "./.hidden/portcullis-test.yaml: a",
            "./a/b/portcullis-test.yaml: a",
            "./a/portcullis-test.yaml: a",
            "./c/portcullis-test.yaml: a"
        ]
    );
    assert!(outcome.out.ends_with("4 cases in 4 files: 4 passed\n"), "{}", outcome.out);
    let outcome = test_in(folder.path(), &["c", "a/b/portcullis-test.yaml"]);
    assert!(outcome.out.ends_with("2 cases in 2 files: 2 passed\n"), "{}", outcome.out);
}

#[test]
fn what_names_no_test_is_not_a_pass() {
    let folder = Folder::new("none");
    fs::create_dir(folder.path().join("empty")).unwrap();
    let outcome = test_in(folder.path(), &["empty"]);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.out.contains("empty: no portcullis-test.yaml is there, or below"),
        "{}",
        outcome.out
    );
    let outcome = test_in(folder.path(), &["gone.yaml"]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.out.contains("gone.yaml: cannot be read: "), "{}", outcome.out);
    assert!(outcome.out.ends_with("0 cases in 1 file: 0 passed, 1 could not be run\n"));
}

/// Each error with its place. The other cases of the file still run.
#[test]
fn a_case_that_cannot_be_tried_says_why() {
    let cases = "\
- {name: gone, manifests: [gone.yaml], expect: [{workload: all, verdict: denied}]}
- name: broken
  manifest: |
    kind: Pod
    apiVersion: [
  expect: [{workload: all, verdict: denied}]
- {name: broken file, manifests: [broken.yaml], expect: [{workload: all, verdict: denied}]}
- name: another namespace
  namespace: shop
  manifest: |
    {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: other}, spec: {}}
  expect: [{workload: all, verdict: allowed}]
- {name: good, manifests: [web.yaml], expect: [{workload: all, verdict: allowed}]}
";
    let folder = folder(cases);
    folder.write("web.yaml", WEB);
    folder.write("broken.yaml", format!("{WEB}\n---\nkind: Pod\n"));
    let outcome = test_in(folder.path(), &["t.yaml"]);
    assert_eq!((outcome.status, &*outcome.err), (Some(2), ""));
    for expected in [
        "  ERROR gone (line 5)\n        gone.yaml: cannot be read: No such file",
        "  ERROR broken (line 6)\n        t.yaml:6:1: manifest of \"broken\", its line 2: ",
        "  ERROR broken file (line 11)\n        broken.yaml:3:1: not a Kubernetes object: it has no apiVersion",
        "t.yaml:12:1: manifest of \"another namespace\", its line 1: Pod other/web is not of the case's namespace \"shop\"",
        "  pass  good\n",
        "1 case in 1 file: 1 passed, 4 could not be run\n",
    ] {
        assert!(outcome.out.contains(expected), "{expected}\n{}", outcome.out);
    }
}

#[test]
fn a_configuration_is_read_as_the_server_reads_it() {
    let case = "- {name: a, manifests: [web.yaml], expect: [{workload: all, verdict: allowed}]}\n";
    let folder = folder_with("config: conf/config.yaml\n", case);
    folder.write("web.yaml", WEB);
    let outcome = test_in(folder.path(), &["t.yaml"]);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.out.contains("conf/config.yaml: cannot be read: "), "{}", outcome.out);

    fs::create_dir(folder.path().join("conf")).unwrap();
    let head = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n";
    folder.write("conf/config.yaml", format!("{head}rules: {{imageTga: warn}}\n"));
    let outcome = test_in(folder.path(), &["t.yaml"]);
    assert_eq!(outcome.status, Some(2));
    let expected = "conf/config.yaml:3:9: unknown field \"rules.imageTga\"";
    assert!(outcome.out.contains(expected), "{}", outcome.out);

    folder.write("conf/config.yaml", format!("{head}rules: {{imageTag: enforce}}\n"));
    let outcome = test_in(folder.path(), &["t.yaml"]);
    assert_eq!(outcome.status, Some(1), "{}", outcome.out);
}

/// Each problem on a separate line.
#[test]
fn a_test_that_is_wrong_is_not_run_at_all() {
    let folder = folder("- {name: a, manifests: [web.yaml], expects: []}\n");
    let outcome = test_in(folder.path(), &["t.yaml"]);
    assert_eq!(outcome.status, Some(2));
    let lines: Vec<_> = outcome.out.lines().collect();
    let [first, missing, unknown, "", last] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(first, "t.yaml: could not be run");
    assert_eq!(
        unknown,
        "  t.yaml:5:36: unknown field \"cases[0].expects\" (did you mean \"expect\"?): allowed are name, manifests, manifest, namespace, labels, expect"
    );
    assert!(missing.ends_with("cases[0].expect is missing: must be at least one expectation"));
    assert_eq!(last, "0 cases in 1 file: 0 passed, 1 could not be run");
}

/// A case without labels of its own takes those of a Namespace in its manifests, in any order.
#[test]
fn namespaces_in_the_manifests_are_the_policy() {
    let cases = "\
- {name: as it is, namespace: shop, manifests: [web.yaml, ns.yaml], expect: [{workload: all, verdict: allowed, hardened: [runAsNonRoot, seccompProfile, capabilities, allowPrivilegeEscalation]}]}
- name: replaced
  namespace: shop
  labels: {pod-security.kubernetes.io/enforce: privileged}
  manifests: [ns.yaml, host.yaml]
  expect: [{workload: all, verdict: allowed, hardened: []}]
- {name: host, namespace: shop, manifests: [host.yaml, ns.yaml], expect: [{workload: all, verdict: denied, controls: [hostNamespaces]}]}
- {name: invalid, manifests: [invalid.yaml, web.yaml], expect: [{workload: all, verdict: allowed}]}
";
    let folder = folder(cases);
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}\n";
    let web = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: a}]}\n";
    folder.write("ns.yaml", namespace);
    folder.write("invalid.yaml", namespace.replace("restricted", "Restricted"));
    folder.write("web.yaml", web);
    folder.write("host.yaml", web.replace("spec: {", "spec: {hostNetwork: true, "));
    let outcome = test_in(folder.path(), &["t.yaml"]);
    assert_eq!((outcome.status, &*outcome.err), (Some(2), ""), "{}", outcome.out);
    for expected in [
        "  pass  as it is\n",
        "  pass  replaced\n",
        "  pass  host\n",
        "invalid.yaml:1:1: Namespace shop: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"Restricted\": must be one of privileged, baseline, restricted",
    ] {
        assert!(outcome.out.contains(expected), "{expected}\n{}", outcome.out);
    }
}
