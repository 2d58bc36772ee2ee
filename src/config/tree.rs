//! YAML (and so JSON) as values with their positions in the file. Knows no specific fields.

use manifest::{
    Places,
    tree::{Booleans, EMPTY, Error, Kind, NoTree, Node as Written, Repeats, Scalar, Tree},
};
use policy::findings::Position;

/// A value and its start.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

impl Node {
    /// Whether it is `""`, which counts as absent.
    pub(crate) fn is_empty_text(&self) -> bool {
        matches!(&self.value, Value::Text(text) if text.is_empty())
    }
}

/// A value as written.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The number in plain notation: `0x10` is 16.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// An entry of a mapping. Repeated keys are kept, so that the reader can report them.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) node: Node,
}

/// Parses the single document of a text. Empty documents are ignored.
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
