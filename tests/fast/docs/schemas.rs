//! The schemas accept all documents of pages and examples, and reject mistakes that the program rejects.

use std::fs;

use portcullis::config;
use serde_json::{Value, json};

use crate::check::schema::{Schema, validate};

use super::project;

/// The documents of the pages and examples whose kind has a schema.
fn documents() -> Vec<(&'static str, Value)> {
    let pages = ["docs/configuration.md", "docs/policies.md"].map(|page| {
        let page = fs::read_to_string(project(page)).unwrap();
        page.split("```yaml\n")
            .skip(1)
            .map(|block| block.split("```").next().unwrap().to_owned())
            .collect()
    });
    let examples = fs::read_dir(project("examples/policies")).unwrap();
    let examples: Vec<_> =
        examples.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let texts = pages.into_iter().flat_map(|page: Vec<_>| page).chain(examples);
    let values = texts.filter_map(|text| serde_saphyr::from_str::<Value>(&text).ok());
    let written = values.filter_map(|value| {
        let schema = match value["kind"].as_str()? {
            "Configuration" => "configuration",
            "PolicyException" => "policyexception",
            "PolicyTest" => "policytest",
            _ => return None,
        };
        Some((schema, value))
    });
    written.collect()
}

#[test]
fn what_the_pages_show_fits_its_schema() {
    let documents = documents();
    for schema in ["configuration", "policyexception", "policytest"] {
        assert!(documents.iter().any(|(kind, _)| *kind == schema), "{schema}");
    }
    for (schema, document) in documents {
        if let Some(Err(wrong)) = validate(&document.to_string(), Schema::Written(schema)) {
            panic!("{wrong}\n{document:#}");
        }
    }
}

#[test]
fn what_the_program_refuses_does_not_fit() {
    for wrong in [
        json!({"rules": {"imagetag": "enforce"}}),
        json!({"rules": {"imageTag": "deny"}}),
        json!({"rules": {"imageTag": {}}}),
        json!({"rules": {"hostPorts": {"mode": "warn", "allowed": [65536]}}}),
        json!({"rules": {"runAsGroup": {"mode": "warn", "ranges": []}}}),
        json!({"profiles": {"x": {"level": "baselin"}}}),
        json!({"profiles": {"X": {"level": "baseline"}}}),
        json!({"profiles": {"x": {"level": "baseline", "allow": {"capabilities": ["CAP_CHOWN"]}}}}),
        json!({"floor": {}}),
        json!({"harden": {"resources": {"limits": {"gpu": "1"}}}}),
        json!({"harden": {"runAsNonRoot": "yes"}}),
        json!({"mode": "off"}),
        json!({"exemptions": {"namespaces": ["A"]}}),
    ] {
        let mut document =
            json!({"apiVersion": "portcullis.dev/v1alpha1", "kind": "Configuration"});
        document.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let text = document.to_string();
        assert!(config::parse(&text, "c.json".as_ref()).is_err(), "{wrong}");
        let fits = validate(&text, Schema::Written("configuration"));
        assert!(!matches!(fits, Some(Ok(()))), "{wrong}");
    }
}

/// Scripts read reports: the page names every field of manifests.
#[test]
fn the_page_names_every_field_of_a_report() {
    let schema = fs::read_to_string(project("docs/schema/report-v1.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let page = fs::read_to_string(project("docs/ci.md")).unwrap();
    let (_, page) = page.split_once("\n## JSON for scripts\n").unwrap();
    let of = |name: &str| &schema["$defs"][name];
    let definitions =
        ["workload", "unreadable", "violation", "finding", "skipped", "lint", "summary"].map(of);
    for definition in definitions.into_iter().chain([&schema]) {
        let fields = definition["properties"].as_object().unwrap();
        assert!(fields.len() > 2);
        for field in fields.keys() {
            assert!(page.contains(&format!("`{field}`")), "{field}");
        }
    }
}
