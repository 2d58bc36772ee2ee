//! The report of tests in each format.

use std::fs;

use serde_json::{Value, json};

use crate::policy_test::program::{HOST, WEB, folder, test_in};

fn cases() -> String {
    format!(
        "- {{name: good, manifests: [web.yaml], expect: [{{workload: all, verdict: allowed}}]}}
- name: bad
  namespace: shop
  manifest: |
    {WEB}
    ---
    {HOST}
  expect:
  - {{workload: Pod/web, verdict: allowed}}
  - {{workload: Pod/host, verdict: allowed, controls: [], hardened: []}}
- {{name: gone, manifests: [gone.yaml], expect: [{{workload: all, verdict: denied}}]}}
"
    )
}

/// Only failed tests have a trace.
#[test]
fn people_see_expected_and_found_side_by_side() {
    let folder = folder(&cases());
    folder.write("web.yaml", WEB);
    let outcome = test_in(folder.path(), &["t.yaml"]);
    let expected = r#"t.yaml: shop
  pass  good
  FAIL  bad (line 6)
        Pod shop/host
                     expected  found
          verdict    allowed   denied
          controls   -         hostNamespaces
          fixes
            pod: set hostNetwork=false
          trace
            namespace  "shop", no label that sets a policy
            exemption  none
            floor      none
            profile    none
            level      baseline:latest (default of the configuration)
            version    v1.37, the latest
            rules      none
            exceptions none
            hardening  only says what it would add
            verdict    denied: hostNamespaces
  ERROR gone (line 15)
        gone.yaml: cannot be read: No such file or directory (os error 2)

2 cases in 1 file: 1 passed, 1 failed, 1 could not be run
"#;
    assert_eq!((outcome.status, &*outcome.out), (Some(2), expected), "{}", outcome.err);
}

#[test]
fn trace_explains_every_verdict() {
    let folder = folder(
        "- {name: good, manifests: [web.yaml], expect: [{workload: all, verdict: allowed}]}\n",
    );
    folder.write("web.yaml", WEB);
    let traces = |args: &[&str]| test_in(folder.path(), args).out.matches("verdict").count();
    assert_eq!(traces(&["t.yaml"]), 0);
    assert_eq!(traces(&["t.yaml", "--trace"]), 1);
    assert_eq!(traces(&["t.yaml", "-o", "json"]), 1, "a field");
    assert_eq!(traces(&["t.yaml", "-o", "json", "--trace"]), 2);
    assert_eq!(traces(&["t.yaml", "-o", "junit"]), 0);
    assert_eq!(traces(&["t.yaml", "-o", "junit", "--trace"]), 1);
}

#[test]
fn json_has_all_of_it() {
    let folder = folder(&cases());
    folder.write("web.yaml", WEB);
    let outcome = test_in(folder.path(), &["t.yaml", "nothing.yaml", "-o", "json"]);
    assert_eq!(outcome.status, Some(2), "{}", outcome.err);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(report["schema"], "portcullis.dev/test/v1");
    assert_eq!(report["summary"], json!({"files": 2, "passed": 1, "failed": 1, "errors": 2}));
    let [suite, nothing] = &report["suites"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&suite["file"], &suite["name"]), (&json!("t.yaml"), &json!("shop")));
    let [good, bad, gone] = &suite["cases"].as_array().unwrap()[..] else { panic!("{suite}") };
    assert_eq!(
        good,
        &json!({"name": "good", "line": 5, "result": "passed", "problems": [], "errors": [], "workloads": [{
            "apiVersion": "v1", "kind": "Pod", "namespace": "", "name": "web", "verdict": "allowed",
            "level": "baseline", "version": "v1.37", "controls": [], "warnings": [], "hardened": [], "differences": []
        }]})
    );
    assert_eq!(bad["result"], "failed");
    assert_eq!(
        bad["workloads"][1]["differences"],
        json!([
            {"field": "verdict", "expected": ["allowed"], "found": ["denied"]},
            {"field": "controls", "expected": [], "found": ["hostNamespaces"]},
        ])
    );
    assert_eq!(bad["workloads"][1]["trace"].as_array().unwrap().len(), 10);
    assert_eq!((&gone["result"], &gone["workloads"]), (&json!("error"), &json!([])));
    assert_eq!(
        (&gone["errors"][0]["file"], &gone["errors"][0]["line"]),
        (&json!("gone.yaml"), &Value::Null)
    );
    assert_eq!((&nothing["name"], &nothing["cases"]), (&Value::Null, &json!([])));
    assert_eq!(nothing["errors"][0]["file"], "nothing.yaml");
}

#[test]
fn junit_has_a_case_a_case() {
    let folder = folder(&cases());
    folder.write("web.yaml", WEB);
    let outcome = test_in(folder.path(), &["t.yaml", "nothing.yaml", "-o", "junit"]);
    assert_eq!(outcome.status, Some(2), "{}", outcome.err);
    for expected in [
        r#"<testsuites name="portcullis" tests="4" skipped="0" failures="1" errors="2">"#,
        r#"<testcase name="good" classname="shop"/>"#,
        r#"<failure message="Pod shop/host: verdict: expected allowed, found denied; Pod shop/host: controls: expected none, found hostNamespaces" type="unexpected">"#,
        r#"<error message="gone.yaml: cannot be read: No such file or directory (os error 2)" type="error"/>"#,
        r#"<testcase name="file">"#,
    ] {
        assert!(outcome.out.contains(expected), "{expected}\n{}", outcome.out);
    }
}

#[test]
fn several_formats_are_written_to_files() {
    let folder = folder(&cases());
    folder.write("web.yaml", WEB);
    let args = ["t.yaml", "-o", "human", "-o", "json=t.json", "-o", "junit=t.xml"];
    let outcome = test_in(folder.path(), &args);
    assert_eq!((outcome.status, &*outcome.err), (Some(2), ""));
    assert!(outcome.out.starts_with("t.yaml: shop\n"), "{}", outcome.out);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(serde_json::from_str::<Value>(&read("t.json")).unwrap()["suites"].is_array());
    assert!(read("t.xml").starts_with("<?xml"));
    let outcome = test_in(folder.path(), &["-o", "sarif"]);
    assert_eq!(outcome.status, Some(2));
    let expected = "must be FORMAT or FORMAT=FILE, where FORMAT is one of human, json, junit";
    assert!(outcome.err.contains(expected), "{}", outcome.err);
    let outcome = test_in(folder.path(), &["-o", "json", "-o", "junit"]);
    assert!(outcome.err.contains("both go to standard output"), "{}", outcome.err);
}

/// A name in a manifest must not control the terminal, whether its case fails or cannot run.
#[test]
fn nothing_of_a_manifest_steers_a_terminal() {
    for (namespace, status) in [("a", 1), ("b", 2)] {
        let pod =
            "{apiVersion: v1, kind: Pod, metadata: {name: \"w\\e[2Jb\", namespace: a}, spec: {}}";
        let folder = folder(&format!(
            "- name: \"a\\e[2J\"\n  namespace: {namespace}\n  manifest: |\n    {pod}\n  expect: [{{workload: all, verdict: denied}}]\n",
        ));
        for form in ["human", "junit", "json"] {
            let outcome = test_in(folder.path(), &["t.yaml", "-o", form]);
            assert_eq!(outcome.status, Some(status), "{}", outcome.out);
            assert!(outcome.out.contains("[2Jb"), "{}", outcome.out);
            assert!(!outcome.out.contains('\u{1b}'), "{}", outcome.out);
        }
    }
}
