//! Nothing is said of manifests without mistakes.

use std::{fs, path::Path};

use serde_json::Value;

use crate::check::program::check_with;

/// The lints of a text, each as its line, its rule and its field.
pub(super) fn lints(text: &str) -> Vec<String> {
    let outcome = check_with(&["--level", "privileged", "-o", "jsonl"], text.as_bytes());
    let rows = outcome.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lint = |row: Value| {
        let (rule, field) = (row["rule"].as_str()?.to_owned(), row["field"].as_str()?);
        Some(format!("{} {rule} {field}", row["line"]))
    };
    rows.filter_map(lint).collect()
}

/// Every known field of these is right, and so is every extension.
#[test]
fn manifests_without_mistakes_have_no_lints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests/manifests", "tests/manifests_to_harden", "tests/check/shop"] {
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap_or_default();
            let found: Vec<_> =
                lints(&text).into_iter().filter(|it| !it.contains("legacy-annotation")).collect();
            assert_eq!(found, [""; 0], "{}", path.display());
        }
    }
}

/// Upstream's own test cases of the Standard: its annotations are legacy ones, and its words for capabilities wrong.
#[test]
fn upstream_s_fixtures_have_no_unknown_fields() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pss-fixtures/fixtures.jsonl");
    let Ok(text) = fs::read_to_string(path) else { return };
    let objects = text.lines().filter_map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        let object = |value: &Value| value.get("kind").is_some().then(|| value.to_string());
        object(&case).or_else(|| case.as_object()?.values().find_map(object))
    });
    let objects: Vec<_> = objects.collect();
    assert!(objects.len() > 100, "{}", objects.len());
    let found = lints(&objects.join("\n"));
    let fields: Vec<_> = found.iter().filter(|it| it.contains("field ")).collect();
    assert_eq!(fields, [""; 0]);
}

#[test]
fn fields_of_other_kinds_are_not_known() {
    let text = "apiVersion: example.org/v1\nkind: Pod\nmetadata: {name: a}\nspec: {securitycontext: {}}\n---\n\
                apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {templates: {}}\n---\n\
                apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {x-team: shop, containers: [{name: a, image: a, owner: b}]}\n";
    assert_eq!(lints(text), [""; 0]);
}
