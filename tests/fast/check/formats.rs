//! Each report format, over the manifests of a small shop: a storefront, payments, a node agent, and an unrendered
//! template.

use std::{fs, process::Command};

use insta::assert_snapshot;
use serde_json::Value;

use crate::{
    check::{
        program::{check, check_with},
        schema::{Schema, hold},
    },
    harden_command::render::{FORMS, write},
    support::program as outcome,
};

const SHOP: &str = "tests/check/shop";

/// The shop's report in a format.
fn shop(format: &str) -> String {
    let outcome = check(&["--level", "restricted", "-o", format, SHOP]);
    assert_eq!((outcome.status, &*outcome.err), (Some(2), ""), "one file cannot be read");
    outcome.out.replace(env!("CARGO_PKG_VERSION"), "0.0.0")
}

#[test]
fn human() {
    assert_snapshot!(shop("human"));
}

#[test]
fn concise() {
    assert_snapshot!(shop("concise"));
}

#[test]
fn json() {
    assert_snapshot!(shop("json"));
}

#[test]
fn yaml() {
    assert_snapshot!(shop("yaml"));
}

#[test]
fn sarif() {
    assert_snapshot!(shop("sarif"));
}

#[test]
fn junit() {
    assert_snapshot!(shop("junit"));
}

#[test]
fn github() {
    assert_snapshot!(shop("github"));
}

#[test]
fn html() {
    assert_snapshot!(shop("html"));
}

#[test]
fn yaml_equals_json() {
    let from_yaml: Value = serde_saphyr::from_str(&shop("yaml")).unwrap();
    let from_json: Value = serde_json::from_str(&shop("json")).unwrap();
    assert_eq!(from_yaml, from_json);
}

#[test]
fn json_matches_its_schema() {
    hold(&shop("json"), Schema::Report);
    hold(&check(&["-o", "json", "-"]).out, Schema::Report);
    let exempting = check(&["--config", "tests/check/exempting.yaml", "-o", "json", SHOP]);
    assert!(exempting.out.contains(r#""exempt":"namespace""#), "{}", exempting.out);
    hold(&exempting.out, Schema::Report);
}

/// With tests that pass, fail, cannot run and cannot be read.
#[test]
fn the_json_of_tests_matches_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    let head = "apiVersion: portcullis.dev/v1alpha1\nkind: PolicyTest\nname: a\ncases:\n";
    let pod = "manifest: '{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {}}'";
    let fails = format!(
        "- {{name: b, {pod}, expect: [{{workload: Pod/x, verdict: denied}}, {{workload: all, verdict: exempt}}]}}\n"
    );
    let cannot =
        "- {name: c, manifests: [gone.yaml], expect: [{workload: all, verdict: denied}]}\n";
    fs::write(&file, format!("{head}{fails}{cannot}")).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["test", "-o", "json"]).args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
        let outcome = outcome::run(&mut command);
        assert_eq!((outcome.status, &*outcome.err), (Some(2), ""));
        outcome.out
    };
    let file = file.to_str().unwrap();
    hold(&run(&["examples", file, "gone.yaml"]), Schema::Test);
    hold(&run(&["examples", file, "gone.yaml", "--trace"]), Schema::Test);
    hold(&run(&["gone.yaml"]), Schema::Test);
}

#[test]
fn sarif_matches_the_standard() {
    hold(&shop("sarif"), Schema::Sarif);
    hold(&check(&["-o", "sarif", "-"]).out, Schema::Sarif);
}

/// Each region is at the text to fix.
#[test]
fn regions_are_exact() {
    let sarif: Value = serde_json::from_str(&shop("sarif")).unwrap();
    let region = |rule: &str, file: &str| {
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let place = |result: &Value| result["locations"][0]["physicalLocation"].clone();
        let is_it = |result: &&Value| {
            let uri = place(result)["artifactLocation"]["uri"].as_str().unwrap().to_owned();
            result["ruleId"] == rule && uri.ends_with(file)
        };
        let region = place(results.iter().find(is_it).unwrap())["region"].clone();
        let at = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
        assert_eq!(at("startLine"), at("endLine"), "{region}");
        let text = fs::read_to_string(format!("{SHOP}/{file}")).unwrap();
        let line: Vec<char> = text.lines().nth(at("startLine") - 1).unwrap().chars().collect();
        line[at("startColumn") - 1..at("endColumn") - 1].iter().collect::<String>()
    };
    assert_eq!(region("runAsUser", "payments.yaml"), "runAsUser: 0");
    assert_eq!(region("capabilities_restricted", "payments.yaml"), "name: fetch");
    assert_eq!(region("hostNamespaces", "node-agent.json"), r#""hostNetwork": true"#);
    assert_eq!(region("privileged", "node-agent.json"), r#""privileged": true"#);
    assert_eq!(region("restrictedVolumes", "node-agent.json"), r#""hostPath": {"path": "/"}"#);
}

/// Each fix alone, applied as an editor would, solves its violation and keeps the file valid.
#[test]
fn fixes_solve_their_violations() {
    let storefront = fs::read_to_string(format!("{SHOP}/storefront.yaml")).unwrap();
    solve(&storefront, 4);
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "a", "image": "a"}, {"name": "b", "image": "b"}]},
    });
    for form in FORMS {
        solve(&write(&pod, form, 7), 4);
    }
}

/// A text with fixes for all of its violations. Programs apply the replacements of a fix from the end of the text.
fn solve(text: &str, violations: usize) {
    let judge = |text: &str| {
        let args = ["--level", "restricted", "-o", "sarif", "-"];
        let outcome = check_with(&args, text.as_bytes());
        let sarif: Value = serde_json::from_str(&outcome.out).unwrap();
        assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], true, "{text}");
        sarif["runs"][0]["results"].as_array().unwrap().clone()
    };
    let rules = |results: &[Value]| {
        let ids = results.iter().map(|result| result["ruleId"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let results = judge(text);
    assert_eq!(results.len(), violations);
    for result in &results {
        let mut replacements = result["fixes"][0]["artifactChanges"][0]["replacements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|replacement| {
                let inserted = replacement["insertedContent"]["text"].as_str().unwrap();
                (range(text, &replacement["deletedRegion"]), inserted)
            })
            .collect::<Vec<_>>();
        replacements.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let starts: Vec<_> = replacements.iter().map(|(range, _)| range.start).collect();
        assert!(starts.windows(2).all(|pair| pair[0] > pair[1]), "{starts:?}: {text}");
        let mut fixed = text.to_owned();
        for (range, inserted) in replacements {
            fixed.replace_range(range, inserted);
        }
        let fixed_rule = result["ruleId"].as_str().unwrap().to_owned();
        let expected: Vec<_> = rules(&results).into_iter().filter(|id| *id != fixed_rule).collect();
        assert_eq!(rules(&judge(&fixed)), expected, "{fixed_rule}:\n{fixed}");
    }
}

/// The bytes of a SARIF region.
fn range(text: &str, region: &Value) -> std::ops::Range<usize> {
    let offset = |line: &str, column: &str| {
        let at = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(at(line) - 1).map(str::len).sum();
        let before = text[start..].chars().take(at(column) - 1).map(char::len_utf8);
        start + before.sum::<usize>()
    };
    offset("startLine", "startColumn")..offset("endLine", "endColumn")
}

#[test]
fn several_forms_at_once_and_files_that_appear_whole() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (json, sarif) = (format!("json={}", file("a.json")), format!("sarif={}", file("a.sarif")));
    let outcome =
        check(&["--level", "restricted", "-o", &json, "-o", &sarif, "-o", "concise", SHOP]);
    assert_eq!((outcome.status, outcome.out), (Some(2), shop("concise")));
    assert_eq!(fs::read_to_string(file("a.json")).unwrap(), shop("json"));
    let sarif = fs::read_to_string(file("a.sarif")).unwrap();
    assert_eq!(sarif.replace(env!("CARGO_PKG_VERSION"), "0.0.0"), shop("sarif"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing else is left there");

    let nowhere = format!("json={}", file("nowhere/a.json"));
    let outcome = check(&["-o", &nowhere, SHOP]);
    assert_eq!((outcome.status, &*outcome.out), (Some(2), ""));
    assert!(outcome.err.contains("nowhere/a.json: No such file"), "{}", outcome.err);
}

#[test]
fn fail_on_selects_the_errors() {
    let storefront = "tests/check/shop/storefront.yaml";
    let check = |level: &str| check(&["--level", "restricted", "--fail-on", level, storefront]);
    let (restricted, baseline) = (check("restricted"), check("baseline"));
    assert_eq!((restricted.status, baseline.status), (Some(1), Some(0)));
    assert!(restricted.out.contains("error[runAsNonRoot]"), "{}", restricted.out);
    assert!(baseline.out.contains("warning[runAsNonRoot]"), "{}", baseline.out);
    assert_eq!(check("privileged").status, Some(0));
}

#[test]
fn assume_hardened_judges_what_will_run() {
    let storefront = "tests/check/shop/storefront.yaml";
    let outcome = check(&["--level", "restricted", "--assume-hardened", storefront]);
    let expected = "restricted:v1.37 (latest): 1 object judged, none violates it; \
                    1 object without a pod ignored\n";
    assert_eq!((outcome.status, &*outcome.out), (Some(0), expected));
    let payments = check(&[
        "--level",
        "restricted",
        "--assume-hardened",
        "-o",
        "concise",
        "tests/check/shop/payments.yaml",
    ]);
    assert_eq!(payments.status, Some(1));
    assert!(payments.out.contains("NET_ADMIN"), "{}", payments.out);
    assert!(!payments.out.contains("seccomp"), "{}", payments.out);
}
