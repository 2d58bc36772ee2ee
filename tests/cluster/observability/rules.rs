//! The alert rules in the chart.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/charts/portcullis/files/rules.yaml");

/// An alert, with the fields that the tests use.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) alert: String,
    pub(crate) expr: String,
    pub(crate) labels: Map<String, Value>,
    pub(crate) annotations: Annotations,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Annotations {
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) runbook_url: String,
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// All alerts of the file.
pub(crate) fn rules() -> Vec<Rule> {
    let text = std::fs::read_to_string(FILE).unwrap();
    let file: File = serde_saphyr::from_str(&text).unwrap();
    file.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
