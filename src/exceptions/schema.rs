//! Schemas of single fields. Used only to generate the definition, never while serving.
#![allow(clippy::trivially_copy_pass_by_ref, reason = "schemars says how these are called")]

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use policy::{
    exceptions::{CAPABILITIES, MAX_VALUES, OwnerKind, SYSCTL_ROOTS, VOLUME_TYPES},
    requirement::Requirement,
};

use super::{
    compile::{MAX_LABELS, MAX_OWNER, MAX_REASON, MAX_SELECTORS},
    resource::{HostPathSpec, OwnerSpec, State},
};

pub(super) fn reason(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_REASON, "pattern": r"\S"})
}

pub(super) fn owner(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_OWNER, "pattern": r"\S"})
}

/// The pattern is narrower than the format, which accepts an empty text.
pub(super) fn expires(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "date-time",
        "maxLength": 35,
        "pattern": r"^[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])$",
    })
}

pub(super) fn namespaces(_: &mut SchemaGenerator) -> Schema {
    let mut schema = set(
        MAX_SELECTORS,
        &json_schema!({"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$"}),
    );
    schema.insert("minItems".to_owned(), 1.into());
    schema
}

pub(super) fn service_accounts(_: &mut SchemaGenerator) -> Schema {
    set(
        MAX_SELECTORS,
        &json_schema!({"type": "string", "maxLength": 253, "pattern": "^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?:[a-z0-9*]([-.a-z0-9*]*[a-z0-9*])?$"}),
    )
}

pub(super) fn images(_: &mut SchemaGenerator) -> Schema {
    set(
        MAX_SELECTORS,
        &json_schema!({"type": "string", "minLength": 1, "maxLength": 253, "pattern": r"^[-A-Za-z0-9._:@/*\[\]]+$"}),
    )
}

pub(super) fn owners(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_SELECTORS,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["kind", "name"],
        "items": OwnerSpec::json_schema(generator),
    })
}

pub(super) fn owner_kind(_: &mut SchemaGenerator) -> Schema {
    words(OwnerKind::ALL.map(OwnerKind::as_str))
}

pub(super) fn owner_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 253, "pattern": "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"})
}

pub(super) fn pod_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": MAX_LABELS,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        },
    })
}

pub(super) fn capabilities(_: &mut SchemaGenerator) -> Schema {
    set(MAX_VALUES, &words(CAPABILITIES))
}

pub(super) fn host_paths(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_VALUES,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["path"],
        "items": HostPathSpec::json_schema(generator),
    })
}

pub(super) fn host_path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 1024,
        "pattern": "^(/[^/*]+)+/?$",
        "x-kubernetes-validations": [{
            "rule": "!(self + '/').contains('/../') && !(self + '/').contains('/./')",
            "message": "must be an absolute path below /, without . and ..",
        }],
    })
}

/// A port as a pattern: a schema cannot compare numbers in a text, so this excludes ports above 65535. The status
/// reports ranges that end before they start.
pub(super) fn host_ports(_: &mut SchemaGenerator) -> Schema {
    const PORT: &str =
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    set(
        MAX_VALUES,
        &json_schema!({
            "x-kubernetes-int-or-string": true,
            "minimum": 1,
            "maximum": 65_535,
            "maxLength": 11,
            "pattern": format!("^{PORT}(-{PORT})?$"),
        }),
    )
}

pub(super) fn host_namespaces(_: &mut SchemaGenerator) -> Schema {
    set(3, &words(["network", "pid", "ipc"]))
}

pub(super) fn volume_types(_: &mut SchemaGenerator) -> Schema {
    set(MAX_VALUES, &words(VOLUME_TYPES))
}

pub(super) fn sysctls(_: &mut SchemaGenerator) -> Schema {
    set(
        MAX_VALUES,
        &json_schema!({"type": "string", "maxLength": 253, "pattern": format!("^({})([./][-_a-z0-9]+)+$", SYSCTL_ROOTS.join("|"))}),
    )
}

pub(super) fn controls(_: &mut SchemaGenerator) -> Schema {
    set(MAX_VALUES, &words(Requirement::all().map(Requirement::id)))
}

pub(super) fn state(_: &mut SchemaGenerator) -> Schema {
    words(State::ALL.map(State::as_str))
}

pub(super) fn message(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 1024})
}

pub(super) fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 0})
}

/// A list without duplicates.
fn set(most: usize, item: &Schema) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": most,
        "x-kubernetes-list-type": "set",
        "items": item,
    })
}

fn words(words: impl IntoIterator<Item = &'static str>) -> Schema {
    let words: Vec<_> = words.into_iter().collect();
    json_schema!({"type": "string", "enum": words})
}
