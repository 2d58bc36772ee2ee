//! The JSON Schemas of what people write are current: `docs/schema` for editors, and the chart's values. With the
//! latter, the chart rejects what the server would reject. `just schemas` writes them.

use std::{env, fs, path::Path};

use policy::spec::{API_VERSION, Configuration, PolicyException, PolicyTest, schema_of};
use serde_json::{Map, Value, json};

const CHART: &str = "charts/portcullis/values.schema.json";

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_rewriting() -> bool {
    env::var("PORTCULLIS_REWRITE").is_ok_and(|value| value == "1")
}

#[test]
fn the_schemas_for_editors_are_current() {
    for (name, schema) in [
        ("configuration", schema_of::<Configuration>()),
        ("policyexception", exception()),
        ("policytest", schema_of::<PolicyTest>()),
    ] {
        let file = project().join(format!("docs/schema/{name}.json"));
        let expected = format!("{schema:#}\n");
        if is_rewriting() {
            fs::write(&file, &expected).unwrap();
        }
        let is = fs::read_to_string(&file).unwrap_or_default();
        assert!(is == expected, "{name}: run `just schemas`");
    }
}

/// A PolicyException in a file.
fn exception() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "PolicyException",
        "type": "object",
        "properties": {
            "apiVersion": {"enum": [API_VERSION]},
            "kind": {"enum": ["PolicyException"]},
            "metadata": {"type": "object", "required": ["name"]},
            "spec": schema_of::<PolicyException>(),
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
    })
}

/// The values below `config` in the chart: the configuration without what the chart sets.
fn values() -> Map<String, Value> {
    let mut schema = schema_of::<Configuration>();
    let mut fields = schema["properties"].take();
    let fields = fields.as_object_mut().unwrap();
    ["apiVersion", "kind", "mode", "exceptions"].iter().for_each(|name| drop(fields.remove(*name)));
    // The chart's default is empty: no floor.
    let floor = fields["floor"].as_object_mut().unwrap();
    let required = floor.remove("required").unwrap();
    floor.insert("if".to_owned(), json!({"minProperties": 1}));
    floor.insert("then".to_owned(), json!({"required": required}));
    std::mem::take(fields)
}

/// With `PORTCULLIS_REWRITE=1`, writes the fields for `just schemas` to insert into the chart's file.
#[test]
fn the_chart_refuses_what_the_program_does() {
    let chart = fs::read_to_string(project().join(CHART)).unwrap();
    let chart: Value = serde_json::from_str(&chart).unwrap();
    let expected = Value::from(values());
    if is_rewriting() {
        let out = project().join("target/config.schema.json");
        fs::write(out, expected.to_string()).unwrap();
        return;
    }
    let is = &chart["properties"]["config"]["properties"];
    assert!(*is == expected, "{CHART}: run `just schemas`");
}
