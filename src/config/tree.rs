//! YAML (and so JSON) as a tree that knows where everything stands in the file. It knows nothing of what a
//! configuration holds.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Location, Options, Spanned, options::DuplicateKeyPolicy};

/// A value and where it starts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Location,
    pub(crate) value: Value,
}

impl Node {
    /// Whether it is `""`, which is as good as absent.
    pub(crate) fn is_empty_text(&self) -> bool {
        matches!(&self.value, Value::Text(text) if text.is_empty())
    }
}

/// A value as it is written.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As it reads when it is written plainly: `0x10` is 16.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One line of a mapping. Repeated keys are kept, for the reader to complain of.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Location,
    pub(crate) node: Node,
}

/// Reads the one document of a text. Documents without anything in them do not count.
pub(crate) fn read(text: &str) -> Result<Node, (Option<Location>, String)> {
    let documents = serde_saphyr::from_multiple_with_options::<Node>(text, options());
    let documents = documents.map_err(|error| {
        let text = format!("is not YAML that can be read: {}", reason(&error));
        (error.location(), text)
    })?;
    let mut documents = documents.into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => Ok(document),
        (None, _) => Err((None, "must hold a document, but is empty".to_owned())),
        (Some(_), Some(second)) => {
            Err((Some(second.at), "must hold one document, but another one starts here".to_owned()))
        }
    }
}

/// The parser's own words, without the place that it ends them with.
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    reason.chars().take(200).collect()
}

fn options() -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `off` is a mode of hardening, not a boolean.
        strict_booleans: true,
        with_snippet: false,
        // A small file must not become a large tree.
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { at: spanned.defined, value: spanned.value })
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

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, node)) = entries.next_entry::<Spanned<String>, Node>()? {
            map.push(Entry { key: key.value, at: key.defined, node });
        }
        Ok(Value::Map(map))
    }
}
