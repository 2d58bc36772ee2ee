//! One YAML document, read once: the place and the style of each key, value and item, and what serde reads of it.
//! Offsets are bytes of the whole text of the source, wherever in it the document begins.
//!
//! Its types are `Deserializer`s ([`Node`], [`Value`]): a scalar reads as `sigs.k8s.io/yaml` reads it, so that a
//! manifest is judged as the API server would get it. Building a tree never recurses: what it costs is bounded by the
//! length of the text. Reading one follows aliases, which together repeat at most [`MAX_REPEATED`] values.
//!
//! Differences from Go, none of which makes another pod of a manifest that an API server takes: a repeated key is an
//! error, and so is reading a number that JSON does not have (`.inf`).

mod builder;
mod de;
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
pub use de::{Error, Value};
pub use scalar::{Booleans, Scalar};

/// Deeper than any manifest, aliases included: reading takes [`super::STACK`] bytes of stack at most.
const MAX_DEPTH: usize = 128;
/// The most values that aliases and merge keys repeat: ten times what a large manifest has.
const MAX_REPEATED: usize = 100_000;
/// Nodes of one document: four times what a text of the largest size has in manifests.
const MAX_NODES: usize = 16 << 20;
/// Merge keys within what merge keys bring in.
const MAX_MERGES: usize = 16;

/// The tree of one document.
#[derive(Debug)]
pub struct Tree<'t> {
    text: &'t str,
    nodes: Vec<Raw>,
    /// Of all collections, each one's own side by side. In mappings key and value take turns.
    children: Vec<Id>,
    root: Id,
    /// What scalars read as that are not written so: of keys, the string that a JSON object has.
    decoded: HashMap<Id, Box<str>>,
    /// Mappings with a merge key.
    merging: HashSet<Id>,
    /// Where the node of each anchor is used again.
    uses: HashMap<Id, Vec<Id>>,
    /// Of large mappings that were asked for a key: the places of entries by the hash of their key.
    indexes: RefCell<HashMap<Id, HashMap<u64, Vec<usize>>>>,
}

/// Why a document has no tree, and at which byte of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTree {
    /// Where.
    pub byte: usize,
    /// What is wrong.
    pub why: String,
}

impl NoTree {
    fn at(byte: usize, why: impl Into<String>) -> Self {
        Self { byte, why: why.into() }
    }
}

/// Why a text without anything in it has no tree.
pub const EMPTY: &str = "there is no document";

/// How a collection is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// By indentation.
    Block,
    /// In brackets, as in JSON.
    Flow,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// None.
    Plain,
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// `|` or `>` and the lines below.
    Block,
}

/// What stands at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing at all, `~` or `null`, without quotes or a tag.
    Null,
    /// Any other scalar.
    Scalar(Quotes),
    /// A mapping.
    Map(Style),
    /// A list.
    List(Style),
    /// `*name`: what stands at an anchor stands here, too.
    Alias,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id(u32);

#[derive(Clone, Copy, Debug)]
struct Raw {
    start: u32,
    end: u32,
    kind: Kind,
    /// In [`Tree::children`]; the anchor's node of an alias.
    children: (u32, u32),
    tag: Tag,
}

impl Raw {
    const NONE: Self =
        Self { start: 0, end: 0, kind: Kind::Null, children: (0, 0), tag: Tag::None };

    /// Whether it is a merge key if it reads as `<<`.
    fn may_merge(self) -> bool {
        self.kind == Kind::Scalar(Quotes::Plain) && self.tag == Tag::None
    }
}

/// What a tag says that a scalar is.
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

/// What a path leads to.
#[derive(Clone, Debug)]
pub struct Found<'n, 'p> {
    /// The nodes on the way from the document's root, each with its key where it has one. The last is the deepest
    /// that is there.
    pub trail: Vec<Stop<'n>>,
    /// What of the path is not there.
    pub missing: &'p [Step],
}

/// A node on the way.
#[derive(Clone, Copy, Debug)]
pub struct Stop<'n> {
    /// The key that leads to it, as written: None for items and the root.
    pub key: Option<Node<'n>>,
    /// The node, which is no alias unless it is one of what is not in the document.
    pub node: Node<'n>,
    /// The alias or the merge key through which the way came here, if it did: the node stands elsewhere.
    pub through: Option<Node<'n>>,
}

impl<'t> Tree<'t> {
    /// Reads the one document that is in `document`, a range of bytes of the source's text.
    ///
    /// # Errors
    /// What is no YAML, no single document, or too much of it.
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

    /// Reads what may be any YAML.
    fn parse_all(part: &str, mut builder: Builder<'t>, offset: usize) -> Result<Self, NoTree> {
        // As Go's library, which is made from libyaml, reads them.
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

    /// The whole text that offsets are of.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The document itself.
    pub fn root(&self) -> Node<'_> {
        Node { tree: self, id: self.root }
    }

    /// Follows a path from the root as far as it goes, through aliases and merge keys as well.
    pub fn find<'p>(&self, path: &'p Path) -> Found<'_, 'p> {
        let mut stop = Stop { key: None, node: self.root(), through: None }.resolved();
        let mut trail = vec![stop];
        let mut missing = path.steps();
        while let Some((step, rest)) = missing.split_first() {
            let Some(next) = stop.step(step) else { break };
            stop = next.resolved();
            trail.push(stop);
            missing = rest;
        }
        Found { trail, missing }
    }

    /// Whether there is anything that stands at more than one place.
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
