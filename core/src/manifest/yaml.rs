//! YAML as the API server would get it: the JSON text that `sigs.k8s.io/yaml` makes of it, so that a manifest is
//! judged by the same view as a review. Every value stands on the line that it has in the YAML, so that whoever
//! reads the JSON can name lines, too.
//!
//! Differences from Go, none of which makes another pod of a manifest that an API server takes: a repeated key and a
//! number that is none of JSON's (`.inf`) are errors, `tRue` is a boolean, `1_` and `1__0` are strings.

mod mapping;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy, Options, Spanned};

use super::{
    Line, Unreadable,
    plain::{self, Piece, Plain},
};

use mapping::{Mapping, repeated};
use write::{Json, plain_json};

/// What aliases and merge keys may add to a document, in parser events: ten times what a large manifest has.
const MAX_REPLAYED: usize = 100_000;
/// Deeper than any manifest. Of [`super::STACK`] a level takes 40 KiB in a debug build.
const MAX_DEPTH: usize = 128;

/// Reads the one document of a text whose first line is `first`: as JSON, which begins on that line, too, and as its
/// parts, where it is plain.
///
/// # Errors
/// What is not YAML, or more than a manifest ever needs, and its line.
pub(super) fn read(
    text: &str,
    first: Line,
) -> Result<(String, Option<Vec<Piece<'_>>>), Unreadable> {
    let parts = match plain::read_or_repeated(text) {
        Plain::Parts(parts) => Some(parts),
        Plain::Repeated(line, key) => {
            return Err(Unreadable::at(
                first.after(line),
                format!("{}{}", repeated(key), hint(text)),
            ));
        }
        Plain::Unsure => None,
    };
    let json = match parts.as_ref().and_then(|parts| plain_json(text, parts)) {
        Some(json) => json,
        None => all_to_json(text, first)?,
    };
    Ok((json, parts))
}

/// As [`read`], of which only the JSON.
pub(super) fn to_json(text: &str, first: Line) -> Result<String, Unreadable> {
    read(text, first).map(|(json, _)| json)
}

fn all_to_json(text: &str, first: Line) -> Result<String, Unreadable> {
    let node: Node = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let line = error.location().map_or(first, |at| first.after(at.line().saturating_sub(1)));
        Unreadable::at(line, reason(&error, text))
    })?;
    let mut json = Json::for_yaml(text);
    json.node(&node);
    match json.wrong {
        None => Ok(json.text),
        Some(Wrong { line, why }) => {
            let why = format!("{why}{}", hint(text));
            Err(Unreadable::at(first.after(line.saturating_sub(1)), why))
        }
    }
}

/// The parser's own words, without the place that it ends them with.
fn reason(error: &serde_saphyr::Error, text: &str) -> String {
    let words = error.to_string();
    let reason = words.split(" at line ").next().unwrap_or_default();
    format!("not JSON or YAML that can be read: {reason}{}", hint(text))
}

/// What those mean most often who give what cannot be read.
fn hint(text: &str) -> &'static str {
    if text.contains("{{") {
        "; it looks like a template that is not rendered: give what renders it, as --helm does"
    } else {
        ""
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        legacy_octal_numbers: true,
        // Ours: what Go does depends on where the merge key stands.
        merge_keys: MergeKeyPolicy::AsOrdinary,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        // The text's own size is bounded where it is read: what bounds the tree are aliases and depth.
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            enforce_alias_anchor_ratio: false,
        },
    }
}

/// A value and the line where it is used, from 1 in its text.
struct Node {
    line: u64,
    value: Value,
}

enum Value {
    Null,
    Bool(bool),
    /// As JSON writes it.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A mapping that is none, and why.
    Wrong(Wrong),
}

/// Where in its text, and what.
struct Wrong {
    line: u64,
    why: String,
}

struct Entry {
    /// The line of the key.
    line: u64,
    key: String,
    value: Node,
    from: From,
}

/// How a key came into a mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Author,
    MergeKey,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        float(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Mapping::default();
        while let Some((key, value)) = entries.next_entry::<Spanned<Value>, Node>()? {
            map.take(key.referenced.line(), &key.value, value);
        }
        Ok(map.wrong.map_or(Value::Map(map.entries), Value::Wrong))
    }
}

/// A float as Go's JSON writes it: integral ones below 1e21 without a point, so that `runAsUser: 1e3` is a
/// number of a user.
fn float(value: f64) -> Option<String> {
    const MAX_PLAIN: f64 = 1e21;
    if value == 0.0 {
        // Not "-0", which no reader of integers takes.
        return Some("0".to_owned());
    }
    let is_plain = value.fract() == 0.0 && value.abs() < MAX_PLAIN;
    value.is_finite().then(|| if is_plain { format!("{value:.0}") } else { format!("{value:e}") })
}
