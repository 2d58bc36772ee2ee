//! The JSON Schemas of the types: for editors, for the chart, and for the API server.

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value, json};

/// The schema of a file. Types are inlined, so that any part is a schema of its own.
pub fn schema_of<T: JsonSchema>() -> Value {
    inlined::<T>(for_files)
}

/// The schema of a part of a custom resource: structural, as the API server demands.
pub fn structural_schema_of<T: JsonSchema>() -> Value {
    let mut schema = inlined::<T>(structural);
    if let Some(root) = schema.as_object_mut() {
        root.retain(|name, _| !matches!(name.as_str(), "$schema" | "title"));
    }
    schema
}

fn inlined<T: JsonSchema>(change: fn(&mut Map<String, Value>)) -> Value {
    let change = move |schema: &mut Schema| {
        if let Some(fields) = schema.as_object_mut() {
            without_null(fields);
            change(fields);
        }
    };
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(change).transform(&mut schema);
    schema.to_value()
}

/// Removes null, which means the same as leaving a field out.
fn without_null(fields: &mut Map<String, Value>) {
    fields.retain(|name, value| !(name == "default" && value.is_null()));
    for name in ["type", "enum", "anyOf"] {
        let Some(Value::Array(any)) = fields.get_mut(name) else { continue };
        any.retain(|one| !one.is_null() && one != "null" && one["type"] != "null");
        match &mut any[..] {
            [only] if name == "type" => {
                let only = only.take();
                fields.insert(name.to_owned(), only);
            }
            [Value::Object(only)] if name == "anyOf" => {
                let only = std::mem::take(only);
                fields.remove(name);
                fields.extend(only);
            }
            _ => {}
        }
    }
}

/// Replaces what only the API server reads.
fn for_files(fields: &mut Map<String, Value>) {
    if fields.get("x-kubernetes-list-type").is_some_and(|kind| kind == "set") {
        fields.insert("uniqueItems".to_owned(), true.into());
    }
    if fields.contains_key("x-kubernetes-int-or-string") {
        fields.insert("type".to_owned(), json!(["integer", "string"]));
    }
    fields.retain(|name, _| !name.starts_with("x-kubernetes-"));
}

/// Removes what a structural schema must not have: fields that are not known are dropped anyway.
fn structural(fields: &mut Map<String, Value>) {
    if fields.get("additionalProperties") == Some(&false.into()) {
        fields.remove("additionalProperties");
    }
}
