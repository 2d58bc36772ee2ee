//! YAML (and so JSON) as values that know where they are in the file. It knows nothing of what a configuration holds.

use crate::{
    findings::Position,
    manifest::{
        Places,
        tree::{Booleans, EMPTY, Error, Kind, NoTree, Node as Written, Repeats, Scalar, Tree},
    },
};

/// A value and where it starts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
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
    pub(crate) at: Position,
    pub(crate) node: Node,
}

/// Reads the one document of a text. Documents without anything in them do not count.
pub(crate) fn read(text: &str) -> Result<Node, (Option<Position>, String)> {
    let empty = || (None, "must hold a document, but is empty".to_owned());
    let places = Places::new("".into(), text.as_bytes());
    let tree =
        Tree::parse(text, 0..text.len(), Repeats::Kept).map_err(|NoTree { byte, why }| {
            if why == EMPTY {
                return empty();
            }
            let reason = why.strip_prefix("not JSON or YAML that can be read: ").unwrap_or(&why);
            let why = match reason.starts_with("must ") {
                true => reason.to_owned(),
                false => format!("is not YAML that can be read: {reason}"),
            };
            (Some(places.position(byte)), why)
        })?;
    let root = tree.root();
    if root.kind() == Kind::Null {
        return Err(empty());
    }
    node(root, &places).map_err(|error| {
        let at = error.byte().map(|byte| places.position(byte));
        (at, error.why().to_owned())
    })
}

fn node(written: Written<'_>, places: &Places<'_>) -> Result<Node, Error> {
    let at = places.position(written.span().start);
    let written = written.resolved();
    let value = match written.kind() {
        Kind::List(_) => {
            Value::List(written.items().map(|item| node(item, places)).collect::<Result<_, _>>()?)
        }
        Kind::Map(_) => {
            let entries = written.all_entries().into_iter().map(|(key, value)| {
                Ok(Entry {
                    key: key.key().unwrap_or_default().to_owned(),
                    at: places.position(key.span().start),
                    node: node(value, places)?,
                })
            });
            Value::Map(entries.collect::<Result<_, Error>>()?)
        }
        Kind::Null | Kind::Scalar(_) | Kind::Alias => match written.scalar(Booleans::Strict)? {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(number) => Value::Number(number.to_string()),
            Scalar::Unsigned(number) => Value::Number(number.to_string()),
            Scalar::Float(number) => Value::Number(number.to_string()),
            Scalar::Text(text) => Value::Text(text.into_owned()),
        },
    };
    Ok(Node { at, value })
}
