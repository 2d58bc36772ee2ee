//! Reads required values from a mapping, and reports missing ones. Knows no specific fields.

use std::{fmt, str::FromStr};

use crate::config::{
    fields::{Fields, Reader},
    tree::{Node, Value},
};

/// A mapping that is not empty, so that a missing field has a position to report.
pub(super) fn mapping<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    path: &str,
) -> Option<Fields<'n>> {
    let fields = reader.mapping(node, path)?;
    if fields.at("").is_none() {
        let place = if path.is_empty() { "the file" } else { path };
        reader.problem(Some(node.at), &format!("{place}: must not be empty"));
        return None;
    }
    Some(fields)
}

pub(super) fn constant(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str, value: &str) {
    if let Some(text) = required(reader, fields, name, value)
        && text != value
        && let Some(node) = fields.get(name)
    {
        reader.invalid(node, &fields.path(name), text, format!("must be {value}"));
    }
}

/// A required text.
pub(super) fn required<'n>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    name: &str,
    what: &str,
) -> Option<&'n str> {
    let text = reader.text(fields, name).map(|(text, _)| text);
    let is_text = fields.get(name).is_none_or(|node| matches!(node.value, Value::Text(_)));
    if text.is_none() && is_text {
        missing(reader, fields, name, what);
    }
    text
}

fn missing(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str, what: &str) {
    let text = format!("{} is missing: must be {what}", fields.path(name));
    reader.problem(fields.at(name), &text);
}

/// A required list with items.
pub(super) fn some<'n>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    name: &str,
    what: &str,
) -> Vec<(String, &'n Node)> {
    let items = reader.items(fields, name);
    let is_list = fields.get(name).is_none_or(|node| matches!(node.value, Value::List(_)));
    if items.is_empty() && is_list {
        missing(reader, fields, name, what);
    }
    items
}

/// A required field that is parsed as a value.
pub(super) fn named<T: FromStr<Err: fmt::Display>>(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name: &str,
    what: &str,
) -> Option<T> {
    required(reader, fields, name, what).and_then(|_| reader.parsed(fields, name))
}
