//! One document as its author wrote it: where each key, value and item stands, and in which style. Offsets are
//! bytes of the whole text of the source, wherever in it the document begins.
//!
//! It says nothing of what values mean: that is what the reader of YAML is for. It never resolves more than it is
//! asked for, and never recurses: what it costs is bounded by the length of the text.

mod builder;
mod follow;
#[cfg(test)]
pub(in crate::manifest) mod tests;

use std::{cell::RefCell, collections::HashMap, ops::Range};

use granit_parser::{Parser, ScanError};

use super::{
    path::{Path, Step},
    plain::{self, Piece, What},
};

use builder::Builder;

/// Deeper than what is read of a manifest.
const MAX_DEPTH: usize = 256;
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
    /// Keys that are not written as they read.
    keys: HashMap<Id, Box<str>>,
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
    has_tag: bool,
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
    /// Reads the one document that stands in `document`, a range of bytes of the source's text.
    ///
    /// # Errors
    /// What is no YAML, no single document, or too much of it.
    pub fn parse(text: &'t str, document: Range<usize>) -> Result<Self, NoTree> {
        let wrong = |byte: usize, why: &str| NoTree { byte, why: why.to_owned() };
        let offset = document.start;
        let Some(part) = text.get(document).filter(|_| u32::try_from(text.len()).is_ok()) else {
            return Err(wrong(offset, "is no part of a text that can be read"));
        };
        match plain::read(part) {
            Some(parts) => Self::of_parts(text, offset, &parts),
            None => Self::parse_all(text, part, offset),
        }
    }

    /// Of a document that is read already, and begins at `offset`.
    pub(super) fn of_parts(
        text: &'t str,
        offset: usize,
        parts: &[Piece<'_>],
    ) -> Result<Self, NoTree> {
        let wrong = |byte: usize, why: &str| NoTree { byte, why: why.to_owned() };
        let mut builder = Builder::new(offset);
        for part in parts {
            builder.piece(part, text).map_err(|why| wrong(offset + part.at.start, why))?;
        }
        builder.finish(text).ok_or_else(|| wrong(offset, "there is no document"))
    }

    /// Reads what may be any YAML.
    fn parse_all(text: &'t str, part: &str, offset: usize) -> Result<Self, NoTree> {
        let wrong = |byte: usize, why: &str| NoTree { byte, why: why.to_owned() };
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut builder = Builder::new(offset);
        for event in Parser::new_from_str_with_options(part, options) {
            let (event, span) = event.map_err(|error| no_tree(&error, offset))?;
            let at = builder.range(&span);
            builder.take(&event, &at, text).map_err(|why| wrong(at.start, why))?;
        }
        builder.finish(text).ok_or_else(|| wrong(offset, "there is no document"))
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
        const NONE: Raw =
            Raw { start: 0, end: 0, kind: Kind::Null, children: (0, 0), has_tag: false };
        self.nodes.get(id.0 as usize).copied().unwrap_or(NONE)
    }
}

fn no_tree(error: &ScanError, offset: usize) -> NoTree {
    let byte = offset + error.marker().byte_offset().unwrap_or_default();
    NoTree { byte, why: error.info() }
}
