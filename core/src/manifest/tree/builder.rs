//! A tree from what is read of a text, part by part.

use std::{cell::RefCell, collections::HashMap, ops::Range};

use granit_parser::{Event, ScalarStyle, Span, StructureStyle};

use super::{Id, Kind, MAX_NODES, Piece, Quotes, Raw, Style, Tree, What};

/// The tree as it grows.
pub(super) struct Builder {
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
    pub(super) fn new(offset: usize) -> Self {
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

    pub(super) fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or_default();
        self.offset + range.start..self.offset + range.end
    }

    pub(super) fn piece(&mut self, piece: &Piece<'_>, text: &str) -> Result<(), &'static str> {
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

    pub(super) fn take(
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

    pub(super) fn finish(self, text: &str) -> Option<Tree<'_>> {
        let Self { nodes, children, root, keys, uses, .. } = self;
        Some(Tree { text, nodes, children, root: root?, keys, uses, indexes: RefCell::default() })
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
