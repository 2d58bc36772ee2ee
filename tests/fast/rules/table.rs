//! Reads the cases; README.md describes the format.

use std::{collections::BTreeMap, fs, path::Path as File};

use policy::rules::Check;
use portcullis::config;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::pods::{Path, base};

/// A pod, and the findings of a rule.
#[derive(Debug)]
pub(crate) struct Case {
    /// The rule's name.
    pub(crate) rule: String,
    /// The name of the case, unique within the rule.
    pub(crate) name: String,
    /// The configured rule.
    pub(crate) check: Check,
    /// The complete pod, including its nulls.
    pub(crate) pod: Value,
    /// The findings, in order.
    pub(crate) findings: Vec<Found>,
}

/// A finding: the field from the pod's root, and the fix.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Found {
    pub(crate) field: String,
    pub(crate) fix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rule: String,
    #[serde(default)]
    settings: BTreeMap<String, Value>,
    #[serde(default)]
    good: BTreeMap<Path, Value>,
    cases: Vec<WrittenCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    settings: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    set: BTreeMap<Path, Value>,
    #[serde(default)]
    findings: Vec<Found>,
}

/// All cases of all rules.
pub(crate) fn cases() -> Vec<Case> {
    let folder = File::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/cases");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

fn read(file: &File) -> Vec<Case> {
    let text = fs::read_to_string(file).unwrap();
    let Written { rule, settings, good, cases } =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(file.file_stem().unwrap(), rule.as_str(), "{}", file.display());
    let case = |written: WrittenCase| {
        let mut pod = base();
        for (path, value) in good.iter().chain(&written.set) {
            path.set(&mut pod, value.clone());
        }
        let settings = written.settings.unwrap_or_else(|| settings.clone());
        Case {
            check: check(&rule, settings),
            rule: rule.clone(),
            name: written.name,
            pod,
            findings: written.findings,
        }
    };
    cases.into_iter().map(case).collect()
}

/// The rule as the configuration reads it.
pub(crate) fn check(rule: &str, mut settings: BTreeMap<String, Value>) -> Check {
    settings.insert("mode".to_owned(), json!("enforce"));
    let config = json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "Configuration",
        "rules": {rule: settings},
    });
    let config = config::parse(&config.to_string(), File::new("case.yaml"));
    let mut rules =
        config.unwrap_or_else(|error| panic!("{rule}: {error}")).policies.rules.to_vec();
    assert_eq!(rules.len(), 1, "{rule}");
    rules.remove(0).check
}
