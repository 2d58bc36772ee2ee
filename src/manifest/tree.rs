//! One document as its author wrote it: where each key, value and item stands, and in which style. Offsets are
//! bytes of the whole text of the source, wherever in it the document begins.
//!
//! It says nothing of what values mean: that is what the reader of YAML is for. It never resolves more than it is
//! asked for, and never recurses: what it costs is bounded by the length of the text.

use std::{collections::HashMap, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use super::{
    path::{Path, Step},
    plain::{self, Piece, What},
};

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
        if let Some(pieces) = plain::read(part) {
            let mut builder = Builder::new(offset);
            for piece in &pieces {
                builder.piece(piece, text).map_err(|why| wrong(offset + piece.at.start, why))?;
            }
            return builder.finish(text).ok_or_else(|| wrong(offset, "there is no document"));
        }
        Self::parse_all(text, part, offset)
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

impl<'n> Found<'n, '_> {
    /// The deepest that is there.
    pub fn last(&self) -> Option<Stop<'n>> {
        self.trail.last().copied()
    }
}

impl<'n> Stop<'n> {
    fn step(self, step: &Step) -> Option<Self> {
        let here = |key, node| Stop { key, node, through: self.through };
        match (self.node.kind(), step) {
            (Kind::List(_), Step::Index(index)) => Some(here(None, self.node.item(*index)?)),
            (Kind::Map(_), Step::Key(key)) => self.entry(key),
            (Kind::Map(_), Step::Index(index)) => self.entry(&index.to_string()),
            _ => None,
        }
    }

    /// What stands at a key, be it by a merge key. Where the key is repeated, the first.
    fn entry(self, key: &str) -> Option<Self> {
        let Some((own, node)) = self.node.get(key) else {
            let merged = self.node.merged(key)?;
            return Some(Stop { through: self.through.or(merged.through), ..merged });
        };
        Some(Stop { key: Some(own), node, through: self.through })
    }

    /// What an alias stands for instead of the alias.
    fn resolved(self) -> Self {
        let Some(node) = self.node.target() else { return self };
        Stop { node, through: self.through.or(Some(self.node)), ..self }
    }
}

impl<'n> Node<'n> {
    /// What stands here.
    pub fn kind(self) -> Kind {
        self.raw().kind
    }

    /// From its first byte to behind its last: of a block collection without the comments and blank lines after
    /// it, of a block scalar its lines, of what is empty nothing, behind the key.
    pub fn span(self) -> Range<usize> {
        let raw = self.raw();
        raw.start as usize..raw.end as usize
    }

    /// The source's own words.
    pub fn source(self) -> &'n str {
        self.tree.text.get(self.span()).unwrap_or_default()
    }

    /// The whole text of the source.
    pub fn text(self) -> &'n str {
        self.tree.text
    }

    /// Whether it is a collection by indentation.
    pub fn is_block(self) -> bool {
        matches!(self.kind(), Kind::Map(Style::Block) | Kind::List(Style::Block))
    }

    /// Whether it has a tag, as in `!!str 1`.
    pub fn has_tag(self) -> bool {
        self.raw().has_tag
    }

    /// The aliases that use what stands here elsewhere again.
    pub fn uses(self) -> impl Iterator<Item = Self> {
        let uses = self.tree.uses.get(&self.id).map(Vec::as_slice).unwrap_or_default();
        uses.iter().map(move |id| Self { id: *id, ..self })
    }

    /// Keys and values of a mapping, as written, merge keys as any other.
    pub fn entries(self) -> impl DoubleEndedIterator<Item = (Self, Self)> + ExactSizeIterator {
        let ids = if matches!(self.kind(), Kind::Map(_)) { self.children() } else { &[] };
        ids.chunks_exact(2).map(move |pair| match pair {
            [key, value] => (Self { id: *key, ..self }, Self { id: *value, ..self }),
            // Never: chunks of two.
            _ => (self, self),
        })
    }

    /// Items of a list.
    pub fn items(self) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        let ids = if matches!(self.kind(), Kind::List(_)) { self.children() } else { &[] };
        ids.iter().map(move |id| Self { id: *id, ..self })
    }

    /// An item of a list.
    pub fn item(self, index: usize) -> Option<Self> {
        let id = self.children().get(index).filter(|_| matches!(self.kind(), Kind::List(_)))?;
        Some(Self { id: *id, ..self })
    }

    /// A key of this mapping itself and its value.
    pub fn get(self, key: &str) -> Option<(Self, Self)> {
        self.entries().find(|(own, _)| own.is_key(key))
    }

    /// What a key of a mapping reads as: None of what is no scalar.
    pub fn key(self) -> Option<&'n str> {
        if let Some(decoded) = self.tree.keys.get(&self.id) {
            return Some(decoded);
        }
        match self.kind() {
            Kind::Null | Kind::Scalar(Quotes::Plain | Quotes::Block) => Some(self.source()),
            Kind::Scalar(Quotes::Single | Quotes::Double) => {
                let source = self.source();
                source.get(1..source.len().saturating_sub(1))
            }
            Kind::Map(_) | Kind::List(_) | Kind::Alias => None,
        }
    }

    /// What stands at a key by a merge key of this mapping, as if there were none of its own.
    pub fn merged(self, key: &str) -> Option<Stop<'n>> {
        self.merged_within(key, MAX_MERGES)
    }

    fn merged_within(self, key: &str, depth: usize) -> Option<Stop<'n>> {
        let depth = depth.checked_sub(1)?;
        let merges = self.entries().filter(|(own, _)| own.is_key("<<"));
        merges.into_iter().find_map(|(merge, from)| {
            let from = from.target().unwrap_or(from);
            let sources = std::iter::once(from).chain(from.items());
            sources.into_iter().find_map(|source| {
                let source = source.target().unwrap_or(source);
                let found = match source.get(key) {
                    Some((own, node)) => Stop { key: Some(own), node, through: None },
                    None => source.merged_within(key, depth)?,
                };
                Some(Stop { through: Some(merge), ..found })
            })
        })
    }

    /// What an alias stands for.
    pub fn target(self) -> Option<Self> {
        let (target, _) = self.raw().children;
        (self.kind() == Kind::Alias).then_some(Self { id: Id(target), ..self })
    }

    fn is_key(self, key: &str) -> bool {
        self.key() == Some(key)
    }

    fn children(self) -> &'n [Id] {
        let (start, end) = self.raw().children;
        self.tree.children.get(start as usize..end as usize).unwrap_or_default()
    }

    fn raw(self) -> Raw {
        self.tree.raw(self.id)
    }
}

/// The tree as it grows.
struct Builder {
    offset: usize,
    nodes: Vec<Raw>,
    children: Vec<Id>,
    /// Complete, and not yet in `children`.
    pending: Vec<Id>,
    /// Collections that are not closed yet, and where theirs begin in `pending`.
    open: Vec<(Id, usize)>,
    root: Option<Id>,
    keys: HashMap<Id, Box<str>>,
    anchors: HashMap<usize, Id>,
    uses: HashMap<Id, Vec<Id>>,
}

impl Builder {
    fn new(offset: usize) -> Self {
        Self {
            offset,
            nodes: Vec::new(),
            children: Vec::new(),
            pending: Vec::new(),
            open: Vec::new(),
            root: None,
            keys: HashMap::new(),
            anchors: HashMap::new(),
            uses: HashMap::new(),
        }
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or_default();
        self.offset + range.start..self.offset + range.end
    }

    fn piece(&mut self, piece: &Piece<'_>, text: &str) -> Result<(), &'static str> {
        let at = self.offset + piece.at.start..self.offset + piece.at.end;
        match &piece.what {
            What::Start(kind) => self.start(*kind, 0, false, &at),
            What::End => {
                self.end(&at);
                Ok(())
            }
            What::Scalar(quotes, value) => {
                let style = match quotes {
                    Quotes::Plain => ScalarStyle::Plain,
                    Quotes::Single => ScalarStyle::SingleQuoted,
                    Quotes::Double => ScalarStyle::DoubleQuoted,
                    Quotes::Block => ScalarStyle::Literal,
                };
                self.scalar(value, style, 0, false, &at, text)
            }
        }
    }

    fn take(
        &mut self,
        event: &Event<'_>,
        at: &Range<usize>,
        text: &str,
    ) -> Result<(), &'static str> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                self.scalar(value, *style, *anchor, tag.is_some(), at, text)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let is_below_key = *style == StructureStyle::Block && self.key_end().is_some();
                let start = if is_below_key { dash(text, at.start) } else { at.start };
                self.start(Kind::List(style_of(*style)), *anchor, tag.is_some(), &(start..at.end))
            }
            Event::MappingStart(style, anchor, tag) => {
                self.start(Kind::Map(style_of(*style)), *anchor, tag.is_some(), at)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end(at);
                Ok(())
            }
            Event::Alias(anchor) => self.alias(*anchor, at),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        has_tag: bool,
        at: &Range<usize>,
        text: &str,
    ) -> Result<(), &'static str> {
        let quotes = match style {
            ScalarStyle::Plain => Quotes::Plain,
            ScalarStyle::SingleQuoted => Quotes::Single,
            ScalarStyle::DoubleQuoted => Quotes::Double,
            ScalarStyle::Literal | ScalarStyle::Folded => Quotes::Block,
        };
        let is_null = matches!(value, "" | "~" | "null" | "Null" | "NULL");
        let kind = match quotes {
            Quotes::Plain if is_null && !has_tag => Kind::Null,
            quotes => Kind::Scalar(quotes),
        };
        let is_bare = quotes == Quotes::Plain && value.is_empty() && !has_tag && anchor == 0;
        let at = match quotes {
            // The parser takes it to be where it noticed that there is nothing.
            Quotes::Plain if is_bare => self.key_end().map_or(at.clone(), |end| end..end),
            Quotes::Block => block_scalar(value, at, text, self.key_end()),
            _ => at.clone(),
        };
        let is_key = self.is_key();
        let id = self.push(kind, anchor, has_tag, &at)?;
        if is_key {
            let raw = text.get(at).unwrap_or_default();
            let bare = match quotes {
                Quotes::Single | Quotes::Double => raw.get(1..raw.len().saturating_sub(1)),
                Quotes::Plain | Quotes::Block => Some(raw),
            };
            if bare != Some(value) {
                self.keys.insert(id, value.into());
            }
        }
        self.complete(id);
        Ok(())
    }

    fn start(
        &mut self,
        kind: Kind,
        anchor: usize,
        has_tag: bool,
        at: &Range<usize>,
    ) -> Result<(), &'static str> {
        let id = self.push(kind, anchor, has_tag, at)?;
        self.open.push((id, self.pending.len()));
        Ok(())
    }

    fn end(&mut self, at: &Range<usize>) {
        let Some((id, from)) = self.open.pop() else { return };
        let last = self.pending.last().filter(|_| self.pending.len() > from);
        let last_end = last.and_then(|last| self.nodes.get(last.0 as usize)).map(|last| last.end);
        // Both bounded by the number of nodes, which is.
        let start = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        self.children.extend(self.pending.drain(from..));
        let end = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.children = (start, end);
            let is_closed = matches!(node.kind, Kind::Map(Style::Flow) | Kind::List(Style::Flow));
            node.end = match last_end {
                // By a bracket of its own: `[a: b]` has a mapping without any.
                _ if is_closed && !at.is_empty() => offset(at.end),
                Some(end) => end,
                None => node.end,
            };
        }
        self.complete(id);
    }

    fn alias(&mut self, anchor: usize, at: &Range<usize>) -> Result<(), &'static str> {
        let Some(&target) = self.anchors.get(&anchor) else { return Err("an alias of no anchor") };
        let id = self.push(Kind::Alias, 0, false, at)?;
        if let Some(node) = self.nodes.get_mut(id.0 as usize) {
            node.children = (target.0, target.0);
        }
        self.uses.entry(target).or_default().push(id);
        self.complete(id);
        Ok(())
    }

    fn push(
        &mut self,
        kind: Kind,
        anchor: usize,
        has_tag: bool,
        at: &Range<usize>,
    ) -> Result<Id, &'static str> {
        if self.nodes.len() == MAX_NODES {
            return Err("has more values than any manifest: split it");
        }
        let id = Id(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        self.nodes.push(Raw {
            start: offset(at.start),
            end: offset(at.end),
            kind,
            children: (0, 0),
            has_tag,
        });
        Ok(id)
    }

    fn complete(&mut self, id: Id) {
        if self.open.is_empty() {
            self.root.get_or_insert(id);
        } else {
            self.pending.push(id);
        }
    }

    /// Whether the next node is a key.
    fn is_key(&self) -> bool {
        let Some((id, from)) = self.open.last() else { return false };
        let kind = self.nodes.get(id.0 as usize).map(|node| node.kind);
        matches!(kind, Some(Kind::Map(_))) && (self.pending.len() - from).is_multiple_of(2)
    }

    /// Behind the key whose value comes next.
    fn key_end(&self) -> Option<usize> {
        let (id, from) = self.open.last()?;
        let is_map = matches!(self.nodes.get(id.0 as usize)?.kind, Kind::Map(_));
        let key = self.pending.get(*from..)?.last()?;
        (is_map && !self.is_key()).then_some(self.nodes.get(key.0 as usize)?.end as usize)
    }

    fn finish(self, text: &str) -> Option<Tree<'_>> {
        let Self { nodes, children, root, keys, uses, .. } = self;
        Some(Tree { text, nodes, children, root: root?, keys, uses })
    }
}

fn style_of(style: StructureStyle) -> Style {
    match style {
        StructureStyle::Block => Style::Block,
        StructureStyle::Flow => Style::Flow,
    }
}

/// Of a list that is not indented below its key the parser tells where its first item is. The dash is what that
/// line begins with.
fn dash(text: &str, at: usize) -> usize {
    let line = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let text = text.get(line..).unwrap_or_default();
    let blank = text.len() - text.trim_start_matches(' ').len();
    if text.trim_start_matches(' ').starts_with('-') { line + blank } else { at }
}

/// Never cut: the text's length fits.
fn offset(byte: usize) -> u32 {
    u32::try_from(byte).unwrap_or(u32::MAX)
}

/// The parser reads on to the next token. Blank lines behind the last line are part of a scalar only where it
/// keeps them: then it ends where a line begins.
fn block_scalar(
    value: &str,
    at: &Range<usize>,
    text: &str,
    key_end: Option<usize>,
) -> Range<usize> {
    let lines = text.get(at.clone()).unwrap_or_default();
    let trimmed = lines.trim_end();
    let last = value.strip_suffix('\n').unwrap_or(value).rsplit('\n').next().unwrap_or_default();
    let keeps_blank = !value.is_empty() && last.trim().is_empty();
    match (keeps_blank, key_end) {
        (true, _) => {
            let last_line = lines.rfind('\n').map_or(lines.len(), |at| at + 1);
            at.start..at.start + last_line
        }
        (false, Some(key)) if trimmed.is_empty() => key..key,
        (false, _) => at.start..at.start + trimmed.len(),
    }
}

#[cfg(test)]
pub(in crate::manifest) mod tests {
    use super::*;

    /// What is plain has the tree that it has as any YAML.
    pub(in crate::manifest) fn same(text: &str) {
        let slow = Tree::parse_all(text, text, 0).unwrap();
        let tree = tree(text);
        let open = |node: &Raw| (node.kind, node.start..node.end, node.children);
        let words = |tree: &Tree<'_>| {
            let ids = (0_u32..).map(Id).take(tree.nodes.len()).map(|id| Node { tree, id });
            ids.map(|node| (format!("{:?}", open(&node.raw())), node.source().to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&tree), words(&slow), "{text}");
        assert_eq!((&tree.children, tree.root), (&slow.children, slow.root), "{text}");
        assert_eq!(tree.keys, slow.keys, "{text}");
    }

    fn tree(text: &str) -> Tree<'_> {
        Tree::parse(text, 0..text.len()).unwrap()
    }

    /// What stands at a path, in the source's own words.
    fn at<'t>(tree: &'t Tree<'_>, path: &str) -> &'t str {
        let path = Path::of(path);
        let found = tree.find(&path);
        assert_eq!(found.missing, [], "{path}");
        found.last().unwrap().node.source()
    }

    #[test]
    fn every_node_knows_where_it_stands() {
        let text = "# a pod\nkind: Pod # yes\nmetadata: {name: 'a b', \"x\\ny\": [1, {z: 2}]}\nspec:\n  containers:\n  - name: a\n    args:\n      - |\n        one\n\n    # none\n\n  - image: b\n    tty:\n  # end\n";
        let tree = tree(text);
        for (path, source) in [
            ("kind", "Pod"),
            ("metadata.name", "'a b'"),
            ("metadata[x\ny][1].z", "2"),
            ("metadata[x\ny]", "[1, {z: 2}]"),
            ("metadata", "{name: 'a b', \"x\\ny\": [1, {z: 2}]}"),
            ("spec.containers[0].args[0]", "one"),
            ("spec.containers[0]", "name: a\n    args:\n      - |\n        one"),
            ("spec.containers[1]", "image: b\n    tty"),
            ("spec.containers[1].tty", ""),
        ] {
            assert_eq!(at(&tree, path), source, "{path}");
        }
        assert!(at(&tree, "spec.containers").starts_with("- name: a"));
        assert!(at(&tree, "").ends_with("tty"));
    }

    #[test]
    fn what_is_missing_is_told_from_the_deepest_that_is_there() {
        let tree = tree("spec:\n  containers:\n  - name: a\n");
        let path = Path::of("spec.containers[0].securityContext.capabilities");
        let found = tree.find(&path);
        assert_eq!(found.last().unwrap().node.source(), "name: a");
        assert_eq!(found.missing, Path::of("securityContext.capabilities").steps());
        assert_eq!(found.trail.len(), 4);
        let path = Path::of("spec.containers[1].name");
        assert_eq!(tree.find(&path).missing.len(), 2);
    }

    #[test]
    fn offsets_are_those_of_the_source() {
        let text = "\u{feff}a: 1\n---\nä: ü\nb: {c: 1}\n";
        let start = text.find("---").unwrap() + 3;
        let tree = Tree::parse(text, start..text.len()).unwrap();
        assert_eq!(at(&tree, "ä"), "ü");
        assert_eq!(at(&tree, "b.c"), "1");
        assert_eq!(tree.root().span().start, text.find('ä').unwrap());
    }

    #[test]
    fn json_is_a_tree_too() {
        let text = "{\n\t\"a\\/b\": {\"c\": [true, null]},\n\t\"\\ud83d\\ude00\": \"\\u00e4\"\n}\n";
        let tree = tree(text);
        assert_eq!(at(&tree, "[a/b].c[0]"), "true");
        assert_eq!(at(&tree, "\u{1f600}"), "\"\\u00e4\"");
        assert_eq!(tree.root().kind(), Kind::Map(Style::Flow));
    }

    #[test]
    fn ways_through_aliases_and_merge_keys_say_so() {
        let text = "x: &x {a: 1}\ny: *x\nz:\n  <<: *x\n  b: 2\nw:\n  <<: [{c: 3}, *x]\n";
        let tree = tree(text);
        let through = |path: &str| {
            let path = Path::of(path);
            let found = tree.find(&path);
            assert_eq!(found.missing, [], "{path}");
            let stop = found.last().unwrap();
            (stop.node.source().to_owned(), stop.through.map(|node| node.source().to_owned()))
        };
        let told = |node: &str, through: &str| (node.to_owned(), Some(through.to_owned()));
        assert_eq!(through("x.a"), ("1".to_owned(), None));
        assert_eq!(through("y.a"), told("1", "*x"));
        assert_eq!(through("z.a"), told("1", "<<"));
        assert_eq!(through("z.b"), ("2".to_owned(), None));
        assert_eq!(through("w.c"), told("3", "<<"));
        assert_eq!(through("w.a"), told("1", "<<"));
        let path = Path::of("x");
        let uses: Vec<_> = tree.find(&path).last().unwrap().node.uses().collect();
        assert_eq!(uses.len(), 3);
        assert!(tree.has_aliases());
    }

    #[test]
    fn what_holds_itself_ends() {
        let tree = tree("a: &a\n  <<: *a\n  b: *a\n");
        assert_eq!(tree.find(&Path::of("a.b.b.b.c")).missing.len(), 1);
        assert_eq!(tree.find(&Path::of("a.c")).missing.len(), 1);
    }

    #[test]
    fn blank_lines_are_a_scalars_only_where_it_keeps_them() {
        for (text, end) in [
            ("a: |\n  x\n\n\nb: 1\n", "a: |\n  x"),
            ("a: |+\n  x\n\n\nb: 1\n", "a: |+\n  x\n\n\n"),
            ("a: |-\n  x\n\n# c\nb: 1\n", "a: |-\n  x"),
            ("a: >+\n  x\n\n", "a: >+\n  x\n\n"),
            ("a: |\n  x\n   \n\nb: 1\n", "a: |\n  x\n   \n\n"),
            ("a: |\n\nb: 1\n", "a"),
            ("a: |\n  x", "a: |\n  x"),
        ] {
            let tree = tree(text);
            let (_, value) = tree.root().get("a").unwrap();
            assert_eq!(&text[..value.span().end], end, "{text:?}");
        }
    }

    #[test]
    fn no_tree_of_what_is_no_document_or_too_deep() {
        let error = |text: &str| Tree::parse(text, 0..text.len()).unwrap_err();
        assert_eq!(error("# nothing\n").why, "there is no document");
        assert_eq!(error("a: 1\n b: 2\n").byte, 7);
        assert_eq!(error("a: *b\n").byte, 3);
        error(&"[".repeat(MAX_DEPTH + 1));
        error(&"- ".repeat(MAX_DEPTH + 1));
    }
}
