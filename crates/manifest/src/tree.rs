//! A parsed YAML document: the position and style of each key, value and item, for edits and for serde. Offsets are
//! bytes of the whole source, wherever the document begins.
//!
//! Its types are `Deserializer`s ([`Node`], [`Value`]): a scalar has the value that `sigs.k8s.io/yaml` gives it, so
//! that a manifest is judged as the API server would receive it. Building a tree never recurses, and its cost is
//! bounded by the length of the text. Reading one follows aliases, which together repeat at most `MAX_REPEATED`
//! values.
//!
//! Differences from Go, none of which affects a manifest that an API server accepts: a repeated key is an error, and so
//! is a number that JSON does not have (`.inf`).

mod builder;
mod collect;
mod de;
mod error;
mod follow;
mod scalar;
mod ser;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    ops::Range,
};

use granit_parser::{Parser, ScanError};

use super::{
    path::{Path, Step},
    plain,
};

pub(super) use builder::Builder;
pub use builder::Repeats;
pub use de::Value;
pub use error::{Error, ErrorKind};
pub use scalar::{Booleans, Scalar};

/// Maximum depth, aliases included, beyond any real manifest. Reading needs at most [`super::STACK`] bytes of stack.
const MAX_DEPTH: usize = 128;
/// Maximum number of values that aliases and merge keys repeat: ten times as many as in a large manifest.
const MAX_REPEATED: usize = 100_000;
/// Maximum number of nodes in a document: four times as many as in manifests of the maximum size.
const MAX_NODES: usize = 16 << 20;
/// Maximum depth of nested merge keys.
const MAX_MERGES: usize = 16;

/// The tree of one document.
#[derive(Debug)]
pub struct Tree<'t> {
    text: &'t str,
    nodes: Vec<Raw>,
    /// The children of all collections, those of each contiguous. For mappings, keys and values alternate.
    children: Vec<Id>,
    root: Id,
    /// The values of scalars that differ from their text. For keys, the string in a JSON object.
    decoded: HashMap<Id, Box<str>>,
    /// Mappings with a merge key.
    merging: HashSet<Id>,
    /// The aliases of each anchor's node.
    uses: HashMap<Id, Vec<Id>>,
    /// For large mappings after a lookup: the positions of entries by the hash of their key.
    indexes: RefCell<HashMap<Id, HashMap<u64, Vec<usize>>>>,
}

/// Why a document has no tree, and the byte in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTree {
    /// The position.
    pub byte: usize,
    /// The reason.
    pub why: String,
}

impl NoTree {
    fn at(byte: usize, why: impl Into<String>) -> Self {
        Self { byte, why: why.into() }
    }
}

/// The error for an empty text.
pub const EMPTY: &str = "there is no document";

/// The style of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// By indentation.
    Block,
    /// In brackets, as in JSON.
    Flow,
}

/// The style of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// Without quotes.
    Plain,
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// `|` or `>` and the lines below.
    Block,
}

/// The kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Nothing, `~` or `null`, without quotes or a tag.
    Null,
    /// Any other scalar.
    Scalar(Quotes),
    /// A mapping.
    Map(Style),
    /// A list.
    List(Style),
    /// `*name`: stands for the node with that anchor.
    Alias,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id(u32);

#[derive(Clone, Copy, Debug)]
struct Raw {
    start: u32,
    end: u32,
    kind: NodeKind,
    /// A range in [`Tree::children`]; for an alias, the anchor's node.
    children: (u32, u32),
    tag: Tag,
}

impl Raw {
    const NONE: Self =
        Self { start: 0, end: 0, kind: NodeKind::Null, children: (0, 0), tag: Tag::None };

    /// Whether it is a merge key if its value is `<<`.
    fn may_merge(self) -> bool {
        self.kind == NodeKind::Scalar(Quotes::Plain) && self.tag == Tag::None
    }
}

/// The type that a tag gives a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// There is no tag.
    None,
    Null,
    Bool,
    Int,
    Float,
    Binary,
    /// `!!str` and every tag that is not YAML's own.
    Text,
}

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'n> {
    tree: &'n Tree<'n>,
    id: Id,
}

/// The result of following a path.
#[derive(Clone, Debug)]
pub struct FoundNode<'n, 'p> {
    /// The nodes from the document's root, each with its key if it has one. The last is the deepest that exists.
    pub trail: Vec<Stop<'n>>,
    /// The part of the path that does not exist.
    pub missing: &'p [Step],
}

/// A node on a path.
#[derive(Clone, Copy, Debug)]
pub struct Stop<'n> {
    /// The key of the node, as written. None for items and the root.
    pub key: Option<Node<'n>>,
    /// The node, with aliases resolved unless their target is not in the document.
    pub node: Node<'n>,
    /// The alias or merge key through which the path led here, if any: the node itself is elsewhere.
    pub through: Option<Node<'n>>,
}

impl<'t> Tree<'t> {
    /// Parses the single document in `document`, a range of bytes of the source's text.
    ///
    /// # Errors
    /// Invalid YAML, no document or several, or a document beyond the limits.
    pub fn parse(text: &'t str, document: Range<usize>, repeats: Repeats) -> Result<Self, NoTree> {
        let offset = document.start;
        let Some(part) = text.get(document).filter(|_| u32::try_from(text.len()).is_ok()) else {
            return Err(NoTree::at(offset, "is no part of a text that can be read"));
        };
        match plain::read(part, Builder::new(text, offset, repeats)) {
            Some(read) => read.and_then(Builder::finish),
            None => Self::parse_all(part, Builder::new(text, offset, repeats), offset),
        }
    }

    /// Parses any YAML.
    fn parse_all(part: &str, mut builder: Builder<'t>, offset: usize) -> Result<Self, NoTree> {
        // As in Go's library, which is derived from libyaml.
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
            bom_inside_document_as_content: true,
            block_scalar_eof_without_line_feed: true,
        };
        for event in Parser::new_from_str_with_options(part, options) {
            let (event, span) = event.map_err(|error| no_tree(&error, offset))?;
            builder.take(event, &span)?;
        }
        builder.finish()
    }

    /// The whole text that offsets refer to.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The root node of the document.
    pub fn root(&self) -> Node<'_> {
        Node { tree: self, id: self.root }
    }

    /// Follows a path from the root as far as possible, including aliases and merge keys.
    pub fn find<'p>(&self, path: &'p Path) -> FoundNode<'_, 'p> {
        let mut stop = Stop { key: None, node: self.root(), through: None }.resolved();
        let mut trail = vec![stop];
        let mut missing = path.steps();
        while let Some((step, rest)) = missing.split_first() {
            let Some(next) = stop.step(step) else { break };
            stop = next.resolved();
            trail.push(stop);
            missing = rest;
        }
        FoundNode { trail, missing }
    }

    /// Whether the document has aliases.
    pub fn has_aliases(&self) -> bool {
        !self.uses.is_empty()
    }

    fn raw(&self, id: Id) -> Raw {
        self.nodes.get(id.0 as usize).copied().unwrap_or(Raw::NONE)
    }
}

fn no_tree(error: &ScanError, offset: usize) -> NoTree {
    let byte = offset + error.marker().byte_offset().unwrap_or_default();
    NoTree::at(byte, format!("not JSON or YAML that can be read: {}", error.info()))
}
