//! A value of a document: JSON text, or a node of YAML.

use serde::{
    Deserialize as _,
    de::{DeserializeSeed, Error as _},
};
use serde_json::value::RawValue;

use policy::json;

use super::tree::{Booleans, Error, Node, NodeKind};

/// A value that is not parsed yet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// The text of the value alone.
    Json(&'a str),
    Yaml(Node<'a>),
}

impl<'a> Value<'a> {
    /// Reads it like the object of a review, for the same verdict.
    pub(super) fn read<S: DeserializeSeed<'a>>(self, seed: S) -> Result<S::Value, Error> {
        match self {
            // The YAML parser reads rejected JSON, to explain the error.
            Self::Json(json) => json::from_untrusted(json, seed).map_err(Error::custom),
            Self::Yaml(node) => node.read(seed),
        }
    }

    /// Reads it as any JSON.
    pub(super) fn json(self) -> Result<serde_json::Value, Error> {
        match self {
            Self::Json(json) => serde_json::from_str(json).map_err(Error::custom),
            Self::Yaml(node) => serde_json::Value::deserialize(node.value(Booleans::Go)),
        }
    }

    /// The source of the value, and of the targets of its aliases.
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Json(json) => json,
            Self::Yaml(node) if node.has_aliases() => node.text(),
            Self::Yaml(node) => node.source(),
        }
    }

    pub(super) fn is_map(self) -> bool {
        match self {
            Self::Json(json) => json.starts_with('{'),
            Self::Yaml(node) => matches!(node.resolved().kind(), NodeKind::Map(_)),
        }
    }

    pub(super) fn is_list(self) -> bool {
        match self {
            Self::Json(json) => json.starts_with('['),
            Self::Yaml(node) => matches!(node.resolved().kind(), NodeKind::List(_)),
        }
    }

    /// The items of the list at `items`, each with its offset in [`Self::base`]. None if there is no list.
    pub(super) fn items(self) -> Result<Option<Vec<(usize, Self)>>, Error> {
        #[derive(serde::Deserialize)]
        struct Items<'a> {
            #[serde(borrow, default)]
            items: Option<Vec<&'a RawValue>>,
        }
        match self {
            Self::Json(json) => {
                let Items { items } = serde_json::from_str(json).map_err(Error::custom)?;
                let item = |item: &'a RawValue| {
                    let text = item.get();
                    (text.as_ptr().addr() - json.as_ptr().addr(), Self::Json(text))
                };
                Ok(items.map(|items| items.into_iter().map(item).collect()))
            }
            Self::Yaml(node) => {
                let Some(items) = node.entry("items") else { return Ok(None) };
                let list = items.resolved();
                match list.kind() {
                    NodeKind::Null => Ok(None),
                    NodeKind::List(_) => {
                        let item = |item: Node<'a>| (item.span().start, Self::Yaml(item));
                        Ok(Some(list.items().map(item).collect()))
                    }
                    NodeKind::Scalar(_) | NodeKind::Map(_) | NodeKind::Alias => {
                        Err(Error::custom("must be a list").of(items, "items"))
                    }
                }
            }
        }
    }

    /// The text that offsets refer to, and the value's own offset.
    pub(super) fn base(self) -> (&'a str, usize) {
        match self {
            Self::Json(json) => (json, 0),
            Self::Yaml(node) => (node.text(), node.span().start),
        }
    }
}
