//! The chart's README lists the values with their descriptions in values.yaml. `just chart-docs` writes it.

use std::fs;

use serde_json::Value;

use super::helm::{CHART, project};
use super::rendered_files::hold;

const BEGIN: &str = "<!-- values: made from values.yaml by `just chart-docs` -->\n";
const END: &str = "<!-- end of values -->\n";

/// A value and its description.
struct Row {
    path: Vec<String>,
    description: String,
}

#[test]
fn the_readme_lists_every_value() {
    let values = fs::read_to_string(project(CHART).join("values.yaml")).unwrap();
    let defaults: Value = serde_saphyr::from_str(&values).unwrap();
    let mut table = "| value | default | what it does |\n| --- | --- | --- |\n".to_owned();
    for Row { path, description } in rows(&values) {
        let default = path.iter().fold(&defaults, |value, key| value.get(key).unwrap());
        let default = default.to_string();
        table += &format!("| `{}` | `{default}` | {description} |\n", path.join("."));
    }

    let file = project(CHART).join("README.md");
    let readme = fs::read_to_string(&file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    hold(&file, &format!("{before}{BEGIN}{table}{END}{after}"));
}

/// Reads the comments that start with `# --`. A value without one that is not a group is an error.
fn rows(values: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut description: Option<String> = None;
    let mut documented_at: Option<usize> = None;
    for line in values.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if let Some(text) = line.strip_prefix("# -- ") {
            description = Some(text.to_owned());
            documented_at = documented_at.filter(|at| indent > *at);
        } else if let Some(more) = line.strip_prefix("# ") {
            if let Some(description) = &mut description {
                *description += &format!(" {more}");
            }
        } else if let Some((key, value)) = line.split_once(':') {
            if documented_at.is_some_and(|at| indent > at) {
                continue;
            }
            path.retain(|(at, _)| *at < indent);
            path.push((indent, key.to_owned()));
            let names: Vec<String> = path.iter().map(|(_, name)| name.clone()).collect();
            documented_at = description.is_some().then_some(indent);
            match description.take() {
                Some(description) => rows.push(Row { path: names, description }),
                None => assert!(value.trim().is_empty(), "{}: no `# --` comment", names.join(".")),
            }
        }
    }
    rows
}

/// Every value is in the schema, and the schema has no others.
#[test]
fn the_schema_knows_the_values_that_there_are() {
    let values = fs::read_to_string(project(CHART).join("values.yaml")).unwrap();
    let values: Value = serde_saphyr::from_str(&values).unwrap();
    let schema = fs::read_to_string(project(CHART).join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    compare("", &schema, &values);
}

fn compare(path: &str, schema: &Value, values: &Value) {
    // Objects of the Kubernetes API, which the API server checks.
    const KUBERNETES: [&str; 13] = [
        // The program's configuration, which has no defaults here.
        ".config.rules",
        ".config.profiles",
        ".config.floor",
        ".config.harden.resources.requests",
        ".config.harden.resources.limits",
        ".resources",
        ".startupProbe",
        ".livenessProbe",
        ".readinessProbe",
        ".updateStrategy",
        ".webhooks.namespaceSelector",
        ".webhooks.objectSelector",
        ".global",
    ];
    let Some(properties) = schema["properties"].as_object() else { return };
    if KUBERNETES.contains(&path) {
        return;
    }
    assert_eq!(schema["additionalProperties"], false, "{path}: a typo would pass");
    for (key, schema) in properties {
        let path = format!("{path}.{key}");
        if path == ".global" {
            continue;
        }
        let value = values.get(key).unwrap_or_else(|| panic!("{path} is in the schema alone"));
        compare(&path, schema, value);
    }
    for key in values.as_object().unwrap().keys() {
        assert!(properties.contains_key(key), "{path}.{key} is not in the schema");
    }
}
