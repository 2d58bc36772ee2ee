//! Builds a tree from the events of a parser.

mod aliases;
mod spans;

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{HashMap, HashSet},
    ops::Range,
};

use granit_parser::{Event, ScalarStyle, Span, StructureStyle, Tag as WrittenTag};

use super::{
    EMPTY, Id, MAX_DEPTH, MAX_NODES, NoTree, NodeKind, Quotes, Raw, Style, Tag, Tree, scalar,
};

use aliases::{Anchor, NodeSize};
use spans::{bare, block_scalar, dash, offset};

/// Maximum number of keys that are compared linearly: most mappings are small.
const MAX_COMPARED: usize = 16;
/// Maximum length of a key in messages, in characters.
const MAX_SHOWN: usize = 200;
const WRONG_KEY: &str = "a key must be a string, a number or a boolean";

/// A tree under construction.
pub(crate) struct Builder<'t> {
    text: &'t str,
    /// The offset of the parsed part in the text.
    offset: usize,
    nodes: Vec<Raw>,
    children: Vec<Id>,
    /// Complete nodes that are not in `children` yet.
    pending: Vec<Id>,
    /// Collections that are not closed yet.
    open: Vec<Open>,
    root: Option<Id>,
    decoded: HashMap<Id, Box<str>>,
    merging: HashSet<Id>,
    anchors: HashMap<usize, Anchor>,
    uses: HashMap<Id, Vec<Id>>,
    /// The total size of values that aliases have repeated.
    repeated: usize,
    repeats: Repeats,
}

/// How repeated keys of a mapping are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// As errors.
    Refused,
    /// They are kept, for edits elsewhere and for readers that report them with other errors.
    Kept,
}

/// A collection that is not closed yet.
struct Open {
    id: Id,
    anchor: usize,
    /// The start of its children in `pending`.
    from: usize,
    extent: NodeSize,
    /// For a mapping with many keys.
    keys: HashSet<Box<str>>,
}

/// The anchor and the tag of a node. Anchor 0 means none.
type Properties = (usize, Tag);

impl<'t> Builder<'t> {
    /// Creates a builder for a document that begins at `offset` of the text.
    pub(crate) fn new(text: &'t str, offset: usize, repeats: Repeats) -> Self {
        Self {
            repeats,
            text,
            offset,
            nodes: Vec::new(),
            children: Vec::new(),
            pending: Vec::new(),
            open: Vec::new(),
            root: None,
            decoded: HashMap::new(),
            merging: HashSet::new(),
            anchors: HashMap::new(),
            uses: HashMap::new(),
            repeated: 0,
        }
    }

    pub(super) fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), NoTree> {
        let at = span.byte_range().unwrap_or_default();
        let style = |style| match style {
            StructureStyle::Block => Style::Block,
            StructureStyle::Flow => Style::Flow,
        };
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let quotes = match style {
                    ScalarStyle::Plain => Quotes::Plain,
                    ScalarStyle::SingleQuoted => Quotes::Single,
                    ScalarStyle::DoubleQuoted => Quotes::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Quotes::Block,
                };
                self.scalar_with(&value, quotes, (anchor, tag_of(tag)), at)
            }
            Event::SequenceStart(written, anchor, tag) => {
                let is_below_key = written == StructureStyle::Block && self.key_end().is_some();
                let start =
                    if is_below_key { dash(self.text, self.offset, at.start) } else { at.start };
                self.start_with(
                    NodeKind::List(style(written)),
                    (anchor, tag_of(tag)),
                    start..at.end,
                )
            }
            Event::MappingStart(written, anchor, tag) => {
                self.start_with(NodeKind::Map(style(written)), (anchor, tag_of(tag)), at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            Event::Alias(anchor) => self.alias(anchor, &at),
            _ => Ok(()),
        }
    }

    /// Adds a scalar with this value, at these bytes of the document.
    pub(crate) fn scalar(
        &mut self,
        value: &str,
        quotes: Quotes,
        at: Range<usize>,
    ) -> Result<(), NoTree> {
        self.scalar_with(value, quotes, (0, Tag::None), at)
    }

    /// Starts a mapping or a list at its first byte.
    pub(crate) fn start(&mut self, kind: NodeKind, at: Range<usize>) -> Result<(), NoTree> {
        self.start_with(kind, (0, Tag::None), at)
    }

    fn scalar_with(
        &mut self,
        value: &str,
        quotes: Quotes,
        (anchor, tag): Properties,
        at: Range<usize>,
    ) -> Result<(), NoTree> {
        let at = self.offset + at.start..self.offset + at.end;
        let is_bare = quotes == Quotes::Plain && tag == Tag::None;
        let kind = match scalar::is_null(value) && is_bare {
            true => NodeKind::Null,
            false => NodeKind::Scalar(quotes),
        };
        let at = match quotes {
            // The parser places an empty value where it noticed the absence.
            Quotes::Plain if is_bare && value.is_empty() && anchor == 0 => {
                self.key_end().map_or(at, |end| end..end)
            }
            Quotes::Block => block_scalar(value, &at, self.text, self.key_end()),
            _ => at,
        };
        let read = match self.is_key() {
            true => self.key(value, quotes, tag, at.start)?,
            false => Cow::Borrowed(value),
        };
        let id = self.push(kind, (anchor, tag), &at)?;
        let written = self.text.get(at).unwrap_or_default();
        if bare(written, quotes) != Some(&*read) {
            self.decoded.insert(id, read.into());
        }
        let extent = NodeSize { size: 1 + value.len() / 256, height: 0 };
        self.complete(id, anchor, extent)
    }

    /// The value of a scalar as a key of the open mapping. An error if the mapping has it already.
    fn key<'v>(
        &mut self,
        value: &'v str,
        quotes: Quotes,
        tag: Tag,
        byte: usize,
    ) -> Result<Cow<'v, str>, NoTree> {
        let (Some(key), Some(map)) = (scalar::key(value, quotes, tag), self.open.last()) else {
            return Err(NoTree::at(byte, WRONG_KEY));
        };
        if quotes == Quotes::Plain && tag == Tag::None && value == "<<" {
            self.merging.insert(map.id);
        } else if self.repeats == Repeats::Refused && self.has_key(&key) {
            return Err(NoTree::at(byte, repeated(&key)));
        }
        Ok(key)
    }

    /// Whether the open mapping has this key already. Adds it.
    fn has_key(&mut self, key: &str) -> bool {
        let Some(map) = self.open.last() else { return false };
        let own = self.pending.get(map.from..).unwrap_or_default();
        let mut keys = own.iter().step_by(2);
        if own.len() <= 2 * MAX_COMPARED {
            return keys.any(|id| self.read(*id) == key);
        }
        let known: Vec<Box<str>> = match map.keys.is_empty() {
            true => keys.map(|id| self.read(*id).into()).collect(),
            false => Vec::new(),
        };
        self.open.last_mut().is_some_and(|map| {
            map.keys.extend(known);
            !map.keys.insert(key.into())
        })
    }

    fn start_with(
        &mut self,
        kind: NodeKind,
        properties: Properties,
        at: Range<usize>,
    ) -> Result<(), NoTree> {
        let at = self.offset + at.start..self.offset + at.end;
        if self.is_key() {
            return Err(NoTree::at(at.start, WRONG_KEY));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(at.start));
        }
        let id = self.push(kind, properties, &at)?;
        let extent = NodeSize { size: 1, height: 1 };
        let (from, anchor) = (self.pending.len(), properties.0);
        self.open.push(Open { id, anchor, from, extent, keys: HashSet::new() });
        Ok(())
    }

    /// Ends the innermost collection, with its closing bracket or at an empty range.
    pub(crate) fn end(&mut self, at: Range<usize>) -> Result<(), NoTree> {
        let Some(Open { id, anchor, from, extent, .. }) = self.open.pop() else { return Ok(()) };
        let last = self.pending.last().filter(|_| self.pending.len() > from);
        let last_end = last.and_then(|last| self.nodes.get(last.0 as usize)).map(|last| last.end);
        // Both are bounded by the number of nodes.
        let start = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        self.children.extend(self.pending.drain(from..));
        let end = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.children = (start, end);
            let is_closed =
                matches!(node.kind, NodeKind::Map(Style::Flow) | NodeKind::List(Style::Flow));
            node.end = match last_end {
                // With a closing bracket of its own: in `[a: b]` the mapping has none.
                _ if is_closed && !at.is_empty() => offset(self.offset + at.end),
                Some(end) => end,
                None => node.end,
            };
        }
        if self.merging.contains(&id) {
            self.can_merge(id)?;
        }
        self.complete(id, anchor, extent)
    }

    fn push(
        &mut self,
        kind: NodeKind,
        (anchor, tag): Properties,
        at: &Range<usize>,
    ) -> Result<Id, NoTree> {
        if self.nodes.len() == MAX_NODES {
            let why = "has more values than any manifest: split it";
            return Err(NoTree::at(at.start, why));
        }
        let id = Id(offset(self.nodes.len()));
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor { id, extent: None });
        }
        let (start, end) = (offset(at.start), offset(at.end));
        self.nodes.push(Raw { start, end, kind, children: (0, 0), tag });
        Ok(id)
    }

    fn complete(&mut self, id: Id, anchor: usize, extent: NodeSize) -> Result<(), NoTree> {
        if let Some(anchor) = self.anchors.get_mut(&anchor).filter(|_| anchor != 0) {
            anchor.extent = Some(extent);
        }
        if let Some(parent) = self.open.last_mut() {
            self.pending.push(id);
            parent.extent.size += extent.size;
            parent.extent.height = parent.extent.height.max(extent.height + 1);
            return Ok(());
        }
        // Empty documents are ignored.
        let node = self.node(id);
        let is_empty = |node: Raw| node.kind == NodeKind::Null && node.start == node.end;
        match self.root.map(|root| is_empty(self.node(root))) {
            Some(false) if is_empty(node) => {}
            Some(false) => {
                let why = "must hold one document, but another one starts here";
                return Err(NoTree::at(node.start as usize, why));
            }
            Some(true) | None => self.root = Some(id),
        }
        Ok(())
    }

    /// Whether the next node is a key.
    fn is_key(&self) -> bool {
        let Some(Open { id, from, .. }) = self.open.last() else { return false };
        matches!(self.node(*id).kind, NodeKind::Map(_))
            && (self.pending.len() - from).is_multiple_of(2)
    }

    /// The end of the key whose value comes next.
    fn key_end(&self) -> Option<usize> {
        let Open { id, from, .. } = self.open.last()?;
        let is_map = matches!(self.node(*id).kind, NodeKind::Map(_));
        let key = self.pending.get(*from..)?.last()?;
        (is_map && !self.is_key()).then_some(self.node(*key).end as usize)
    }

    fn node(&self, id: Id) -> Raw {
        self.nodes.get(id.0 as usize).copied().unwrap_or(Raw::NONE)
    }

    /// Resolves an alias.
    fn resolved(&self, id: Id) -> Raw {
        let node = self.node(id);
        if node.kind == NodeKind::Alias { self.node(Id(node.children.0)) } else { node }
    }

    fn children_of(&self, node: Raw) -> &[Id] {
        let (start, end) = node.children;
        self.children.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The value of a scalar.
    fn read(&self, id: Id) -> &str {
        if let Some(decoded) = self.decoded.get(&id) {
            return decoded;
        }
        let Raw { start, end, kind, .. } = self.node(id);
        let written = self.text.get(start as usize..end as usize).unwrap_or_default();
        match kind {
            NodeKind::Scalar(quotes) => bare(written, quotes).unwrap_or_default(),
            NodeKind::Null | NodeKind::Map(_) | NodeKind::List(_) | NodeKind::Alias => written,
        }
    }

    pub(super) fn finish(self) -> Result<Tree<'t>, NoTree> {
        let Self { text, nodes, children, root, decoded, merging, uses, .. } = self;
        let Some(root) = root else {
            return Err(NoTree::at(self.offset, EMPTY));
        };
        let indexes = RefCell::default();
        Ok(Tree { text, nodes, children, root, decoded, merging, uses, indexes })
    }
}

fn tag_of(tag: Option<Cow<'_, WrittenTag>>) -> Tag {
    let Some(tag) = tag else { return Tag::None };
    match tag.suffix_in_namespace("tag:yaml.org,2002:").as_deref() {
        Some("null") => Tag::Null,
        Some("bool") => Tag::Bool,
        Some("int") => Tag::Int,
        Some("float") => Tag::Float,
        Some("binary") => Tag::Binary,
        _ => Tag::Text,
    }
}

fn too_deep(byte: usize) -> NoTree {
    NoTree::at(byte, format!("is nested more than {MAX_DEPTH} deep"))
}

fn repeated(key: &str) -> String {
    let mut shown: String = key.chars().take(MAX_SHOWN).collect();
    if shown.len() < key.len() {
        shown.push_str("...");
    }
    format!("repeated key {shown:?}: a mapping has each key once")
}
