//! The JSON Schemas of the types, for editors and for the chart.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

/// The schema of a file. Types are inlined, so that any part is a schema of its own.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    for_files(&mut schema);
    schema
}

/// Replaces what only the API server reads, and removes null, which means the same as leaving a field out.
fn for_files(schema: &mut Value) {
    let fields = match schema {
        Value::Object(fields) => fields,
        Value::Array(items) => return items.iter_mut().for_each(for_files),
        _ => return,
    };
    if fields.get("x-kubernetes-list-type").is_some_and(|kind| kind == "set") {
        fields.insert("uniqueItems".to_owned(), true.into());
    }
    if fields.contains_key("x-kubernetes-int-or-string") {
        fields.insert("type".to_owned(), json!(["integer", "string"]));
    }
    fields.retain(|name, value| {
        !(name.starts_with("x-kubernetes-") || name == "default" && value.is_null())
    });
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            fields.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = fields.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(any)) = fields.get_mut("anyOf") {
        any.retain(|schema| schema["type"] != "null");
        if let [only] = &mut any[..] {
            let only = only.take();
            fields.remove("anyOf");
            if let Value::Object(only) = only {
                fields.extend(only);
            }
        }
    }
    fields.values_mut().for_each(for_files);
}
