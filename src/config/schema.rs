//! The JSON Schema of the chart values `rules`, `profiles` and `floor`, made from the tables that the parser uses. With
//! it, the chart rejects what the server would reject.

use schemars::schema_for;
use serde_json::{Value, json};

use crate::exceptions::AllowSpec;

use super::rules;

/// The schema of each field, by name.
fn fields() -> [(&'static str, Value); 3] {
    let profile = json!({
        "type": "object",
        "properties": {
            "level": level(),
            "version": version(),
            "namespaces": texts(),
            "allow": allow(),
            "require": rules(),
        },
        "required": ["level"],
        "additionalProperties": false,
    });
    let floor = json!({
        "type": "object",
        "properties": {"level": level(), "version": version(), "exceptNamespaces": texts()},
        "additionalProperties": false,
        // The chart's default is empty: no floor.
        "if": {"minProperties": 1},
        "then": {"required": ["level"]},
    });
    let name = json!({"pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"});
    let profiles = json!({
        "type": "object",
        "propertyNames": name,
        "additionalProperties": profile,
    });
    [("rules", rules()), ("profiles", profiles), ("floor", floor)]
}

fn level() -> Value {
    json!({"type": "string", "enum": ["privileged", "baseline", "restricted"]})
}

fn version() -> Value {
    json!({"type": "string", "pattern": r"^(latest|v1\.(0|[1-9][0-9]*))$"})
}

fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string", "minLength": 1}})
}

fn rules() -> Value {
    let mode = || json!({"type": "string", "enum": ["off", "warn", "audit", "enforce"]});
    let rule = |settings: &[&str]| {
        let setting = |name: &&str| {
            let is_map = *name == "max";
            ((*name).to_owned(), json!({"type": if is_map { "object" } else { "array" }}))
        };
        let mut properties: serde_json::Map<_, _> = settings.iter().map(setting).collect();
        properties.insert("mode".to_owned(), mode());
        let whole = json!({
            "type": "object",
            "properties": properties,
            "required": ["mode"],
            "additionalProperties": false,
        });
        json!({"anyOf": [mode(), whole]})
    };
    let rules: serde_json::Map<_, _> =
        rules::settings().map(|(name, settings)| (name.to_owned(), rule(settings))).collect();
    json!({"type": "object", "properties": rules, "additionalProperties": false})
}

/// The schema of an exception's `allow`, in which a profile may leave lists empty.
fn allow() -> Value {
    let mut schema = schema_for!(AllowSpec).to_value();
    if let Some(root) = schema.as_object_mut() {
        ["$schema", "title"].iter().for_each(|name| drop(root.remove(*name)));
    }
    for_files(&mut schema);
    schema
}

/// Removes what only the API server reads, and bounds that apply only to exceptions.
fn for_files(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.remove("x-kubernetes-int-or-string").is_some() {
                fields.insert("type".to_owned(), json!(["integer", "string"]));
            }
            fields.retain(|name, _| !name.starts_with("x-kubernetes-") && name != "minItems");
            fields.values_mut().for_each(for_files);
        }
        Value::Array(items) => items.iter_mut().for_each(for_files),
        _ => {}
    }
}

/// With `PORTCULLIS_REWRITE=1`, writes the fields for `just config-schema` to insert into the chart's file.
#[test]
fn the_chart_refuses_what_the_program_does() {
    const CHART: &str = "charts/portcullis/values.schema.json";
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let chart = std::fs::read_to_string(project.join(CHART)).unwrap();
    let chart: Value = serde_json::from_str(&chart).unwrap();
    let config = &chart["properties"]["config"]["properties"];
    let expected = fields();
    if std::env::var("PORTCULLIS_REWRITE").is_ok_and(|value| value == "1") {
        let fields: serde_json::Map<_, _> =
            expected.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
        let out = project.join("target/config.schema.json");
        std::fs::write(out, Value::from(fields).to_string()).unwrap();
        return;
    }
    for (name, schema) in expected {
        assert_eq!(config[name], schema, "{name}: run `just config-schema`");
    }
}
