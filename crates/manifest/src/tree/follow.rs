//! Navigates a tree from a node to its children, through aliases and merge keys.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
};

use super::{FoundNode, Id, MAX_MERGES, Node, NodeKind, Quotes, Raw, Step, Stop, Style};

/// Larger mappings are searched with an index.
const LARGE: usize = 64;

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl<'n> FoundNode<'n, '_> {
    /// The deepest node that exists.
    pub fn last(&self) -> Option<Stop<'n>> {
        self.trail.last().copied()
    }
}

impl<'n> Stop<'n> {
    pub(super) fn step(self, step: &Step) -> Option<Self> {
        let here = |key, node| Stop { key, node, through: self.through };
        match (self.node.kind(), step) {
            (NodeKind::List(_), Step::Index(index)) => Some(here(None, self.node.item(*index)?)),
            (NodeKind::Map(_), Step::Key(key)) => self.entry(key),
            (NodeKind::Map(_), Step::Index(index)) => self.entry(&index.to_string()),
            _ => None,
        }
    }

    /// The value of a key, possibly from a merge key. For a repeated key, the first.
    fn entry(self, key: &str) -> Option<Self> {
        let Some((own, node)) = self.node.get(key) else {
            let merged = self.node.merged(key)?;
            return Some(Stop { through: self.through.or(merged.through), ..merged });
        };
        Some(Stop { key: Some(own), node, through: self.through })
    }

    /// Resolves an alias.
    pub(super) fn resolved(self) -> Self {
        let Some(node) = self.node.target() else { return self };
        Stop { node, through: self.through.or(Some(self.node)), ..self }
    }
}

impl<'n> Node<'n> {
    /// The kind of the node.
    pub fn kind(self) -> NodeKind {
        self.raw().kind
    }

    /// The range of the node: of a block collection without trailing comments and blank lines, of a block scalar its
    /// lines, of an empty value an empty range after the key.
    pub fn span(self) -> Range<usize> {
        let raw = self.raw();
        raw.start as usize..raw.end as usize
    }

    /// The node's text in the source.
    pub fn source(self) -> &'n str {
        self.tree.text.get(self.span()).unwrap_or_default()
    }

    /// The whole text of the source.
    pub fn text(self) -> &'n str {
        self.tree.text
    }

    /// Whether it is a block collection.
    pub fn is_block(self) -> bool {
        matches!(self.kind(), NodeKind::Map(Style::Block) | NodeKind::List(Style::Block))
    }

    /// The aliases that refer to this node.
    pub fn uses(self) -> impl Iterator<Item = Self> {
        let uses = self.tree.uses.get(&self.id).map(Vec::as_slice).unwrap_or_default();
        uses.iter().map(move |id| Self { id: *id, ..self })
    }

    /// Keys and values of a mapping, as written, including merge keys.
    pub fn entries(self) -> impl DoubleEndedIterator<Item = (Self, Self)> + ExactSizeIterator {
        let ids = if matches!(self.kind(), NodeKind::Map(_)) { self.children() } else { &[] };
        ids.chunks_exact(2).map(move |pair| match pair {
            [key, value] => (Self { id: *key, ..self }, Self { id: *value, ..self }),
            // Unreachable: chunks have two elements.
            _ => (self, self),
        })
    }

    /// Items of a list.
    pub fn items(self) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        let ids = if matches!(self.kind(), NodeKind::List(_)) { self.children() } else { &[] };
        ids.iter().map(move |id| Self { id: *id, ..self })
    }

    /// An item of a list.
    pub fn item(self, index: usize) -> Option<Self> {
        let id = self.children().get(index).filter(|_| matches!(self.kind(), NodeKind::List(_)))?;
        Some(Self { id: *id, ..self })
    }

    /// A key of the mapping itself, and its value.
    pub fn get(self, key: &str) -> Option<(Self, Self)> {
        self.entries_of(key).next()
    }

    /// The entries with a key, in order.
    fn entries_of(self, key: &str) -> impl Iterator<Item = (Self, Self)> {
        let is_large = self.entries().len() > LARGE;
        let places = if is_large { self.places(key) } else { Vec::new() };
        let found = places.into_iter().filter_map(move |place| self.entries().nth(place));
        let rest = if is_large { None } else { Some(self.entries()) };
        found.chain(rest.into_iter().flatten()).filter(move |(own, _)| own.is_key(key))
    }

    /// The positions of a key's candidates in a large mapping. The index is built on first use.
    fn places(self, key: &str) -> Vec<usize> {
        let mut indexes = self.tree.indexes.borrow_mut();
        let index = indexes.entry(self.id).or_insert_with(|| {
            let mut index: HashMap<u64, Vec<usize>> = HashMap::new();
            for (place, (own, _)) in self.entries().enumerate() {
                index.entry(hash(own.key().unwrap_or_default())).or_default().push(place);
            }
            index
        });
        index.get(&hash(key)).cloned().unwrap_or_default()
    }

    /// The value of a mapping's key. None if it is not a scalar.
    pub fn key(self) -> Option<&'n str> {
        self.read_as()
    }

    /// The value of a scalar as if it had no quotes. None if it is not a scalar.
    pub(super) fn read_as(self) -> Option<&'n str> {
        if let Some(decoded) = self.tree.decoded.get(&self.id) {
            return Some(decoded);
        }
        match self.kind() {
            NodeKind::Null | NodeKind::Scalar(Quotes::Plain | Quotes::Block) => Some(self.source()),
            NodeKind::Scalar(Quotes::Single | Quotes::Double) => {
                let source = self.source();
                source.get(1..source.len().saturating_sub(1))
            }
            NodeKind::Map(_) | NodeKind::List(_) | NodeKind::Alias => None,
        }
    }

    /// Whether it is null, or an empty text, list or mapping.
    pub fn is_empty(self) -> bool {
        match self.kind() {
            NodeKind::Null => true,
            NodeKind::Scalar(_) => self.read_as() == Some(""),
            NodeKind::Map(_) | NodeKind::List(_) => self.children().is_empty(),
            NodeKind::Alias => false,
        }
    }

    /// Whether a mapping has a merge key.
    pub(super) fn merges(self) -> bool {
        self.tree.merging.contains(&self.id)
    }

    /// Keys and values of a mapping, including those from merge keys, as go-yaml v2 fills a map (`decode.go`, `mapping`
    /// and `merge`): in the order of the text, so that a merge key overrides earlier keys.
    pub fn all_entries(self) -> Vec<(Self, Self)> {
        if !self.merges() {
            return self.entries().collect();
        }
        let mut entries = Vec::new();
        self.add_entries(&mut entries, &mut HashMap::new());
        entries
    }

    fn add_entries(self, entries: &mut Vec<(Self, Self)>, places: &mut HashMap<&'n str, usize>) {
        for (key, value) in self.entries() {
            let source = value.target().unwrap_or(value);
            if self.merges() && key.is_merge() {
                // Of several mappings, the first takes precedence.
                let sources = std::iter::once(source).chain(source.items().rev());
                for source in sources.map(|source| source.target().unwrap_or(source)) {
                    source.add_entries(entries, places);
                }
                continue;
            }
            match places.entry(key.key().unwrap_or_default()) {
                Entry::Occupied(place) => {
                    if let Some(entry) = entries.get_mut(*place.get()) {
                        *entry = (key, value);
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(entries.len());
                    entries.push((key, value));
                }
            }
        }
    }

    /// The value of a key, possibly from a merge key.
    pub(crate) fn entry(self, key: &str) -> Option<Self> {
        let stop = Stop { key: None, node: self.resolved(), through: None };
        stop.entry(key).map(|stop| stop.node)
    }

    /// Resolves an alias.
    #[must_use]
    pub fn resolved(self) -> Self {
        self.target().unwrap_or(self)
    }

    /// Whether the tree has aliases.
    pub(crate) fn has_aliases(self) -> bool {
        self.tree.has_aliases()
    }

    fn is_merge(self) -> bool {
        self.raw().may_merge() && self.is_key("<<")
    }

    /// Another node of the tree.
    pub(super) fn other(self, id: Id) -> Self {
        Self { id, ..self }
    }

    /// The value that a merge key of this mapping provides for a key, ignoring the mapping's own key.
    pub fn merged(self, key: &str) -> Option<Stop<'n>> {
        self.merged_within(key, MAX_MERGES)
    }

    fn merged_within(self, key: &str, depth: usize) -> Option<Stop<'n>> {
        let depth = depth.checked_sub(1)?;
        let mut merges = self.entries_of("<<").filter(|(key, _)| key.is_merge());
        merges.find_map(|(merge, from)| {
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

    /// The target of an alias.
    pub fn target(self) -> Option<Self> {
        let (target, _) = self.raw().children;
        (self.kind() == NodeKind::Alias).then_some(Self { id: Id(target), ..self })
    }

    fn is_key(self, key: &str) -> bool {
        self.key() == Some(key)
    }

    pub(super) fn children(self) -> &'n [Id] {
        let (start, end) = self.raw().children;
        self.tree.children.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(super) fn raw(self) -> Raw {
        self.tree.raw(self.id)
    }
}
