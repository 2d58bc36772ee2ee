//! Additions to flow style, in brackets as in JSON: after the last entry, on separate lines if entries have those, with
//! quotes if keys have them.

use super::{
    super::tree::{FoundNode, Node, NodeKind, Stop, Style},
    Edit, Refusal,
    addition::{Addition, Entry},
    behind_colon, is_quoted, layout,
};

/// Sorts before all additions after a line.
const COLUMN: usize = usize::MAX;

/// A flow mapping or list.
pub(super) struct Flow<'n> {
    text: &'n str,
    node: Node<'n>,
    /// The quotes of keys and text.
    quote: &'static str,
    /// The separator of key and value, as in other entries.
    colon: &'n str,
    /// The layout, if entries are on separate lines.
    lines: Option<Lines<'n>>,
}

/// The indentation of entries on separate lines.
#[derive(Clone, Copy)]
struct Lines<'n> {
    /// The indentation of the line with the opening bracket.
    outer: &'n str,
    /// The additional indentation of entries.
    unit: &'n str,
    line_break: &'static str,
}

impl<'n> Flow<'n> {
    /// `node` is the last of the trail, or about to be added to it with its key.
    pub(super) fn of(found: &FoundNode<'n, '_>, node: Node<'n>) -> Self {
        let text = node.text();
        let own = found.last().and_then(|stop| Some((stop.key?, node)));
        let last = node.entries().next_back();
        let (entry, key) = (last.or(own), last.or(own).map(|(key, _)| key));
        let is_json = key.is_some_and(is_quoted);
        let is_list_of_text = node.items().next_back().is_some_and(is_quoted);
        let first = last.map(|(key, _)| key).or_else(|| node.items().next_back());
        let lines = match first {
            Some(first) => Lines::within(text, node, first),
            None => Lines::around(text, found),
        };
        Self {
            text,
            node,
            quote: if is_json || is_list_of_text { "\"" } else { "" },
            colon: entry.and_then(|(key, value)| colon(text, key, value)).unwrap_or(": "),
            lines,
        }
    }

    /// Adds keys to the mapping.
    pub(super) fn entries(&self, entries: &[Entry]) -> Vec<Edit> {
        let outer = self.lines.map(Lines::inner).unwrap_or_default();
        let pieces = entries.iter().map(|(key, value)| self.entry(key, value, &outer));
        self.add(&pieces.collect::<Vec<_>>())
    }

    /// Adds items to the list.
    pub(super) fn items(&self, items: &[Addition]) -> Vec<Edit> {
        let outer = self.lines.map(Lines::inner).unwrap_or_default();
        let pieces = items.iter().map(|item| self.rendered(item, &outer));
        self.add(&pieces.collect::<Vec<_>>())
    }

    /// Sets the value of a key that has none.
    pub(super) fn value(&self, at: Stop<'n>, addition: &Addition) -> Result<Vec<Edit>, Refusal> {
        let outer = self.lines.map(Lines::inner).unwrap_or_default();
        let value = self.rendered(addition, &outer);
        let span = at.node.span();
        let (range, text) = match at.key {
            Some(key) if span.is_empty() => match behind_colon(self.text, key) {
                Ok(byte) => (byte.max(span.start)..byte.max(span.start), format!(" {value}")),
                // `{securityContext}`
                Err(_) => (span, format!(": {value}")),
            },
            _ => (span, value),
        };
        Ok(vec![Edit { range, text, column: COLUMN }])
    }

    /// Inserts formatted entries after the last entry.
    fn add(&self, pieces: &[String]) -> Vec<Edit> {
        let insert = |byte, text| Edit { range: byte..byte, text, column: COLUMN };
        let span = self.node.span();
        let Some(last) = self.last_end() else {
            return vec![self.fill(span.start + 1..span.end.saturating_sub(1), pieces)];
        };
        let comma = comma(self.text, last, span.end.saturating_sub(1));
        let behind = comma.map_or(last, |comma| comma + 1);
        match self.lines.filter(|_| layout::is_rest_empty(self.text, behind)) {
            Some(lines) => {
                let start = format!("{}{}", lines.line_break, lines.inner());
                let mut text = format!("{start}{}", pieces.join(&format!(",{start}")));
                let mut edits = Vec::new();
                match comma {
                    Some(_) => text.push(','),
                    None => edits.push(insert(last, ",".to_owned())),
                }
                edits.push(insert(layout::line_end(self.text, behind), text));
                edits
            }
            None => {
                let comma = self.comma();
                vec![insert(last, format!("{comma}{}", pieces.join(comma)))]
            }
        }
    }

    /// Fills empty brackets.
    fn fill(&self, inner: std::ops::Range<usize>, pieces: &[String]) -> Edit {
        let is_blank = self.text.get(inner.clone()).is_some_and(|inner| inner.trim().is_empty());
        match self.lines.filter(|_| is_blank) {
            Some(lines) => {
                let start = format!("{}{}", lines.line_break, lines.inner());
                let body = pieces.join(&format!(",{start}"));
                let text = format!("{start}{body}{}{}", lines.line_break, lines.outer);
                Edit { range: inner, text, column: COLUMN }
            }
            None => Edit {
                range: inner.start..inner.start,
                text: pieces.join(self.comma()),
                column: COLUMN,
            },
        }
    }

    /// The end of the last entry, including its colon if it has no value.
    fn last_end(&self) -> Option<usize> {
        match self.node.entries().next_back() {
            Some((key, value)) if value.span().is_empty() => {
                Some(behind_colon(self.text, key).unwrap_or(value.span().end).max(value.span().end))
            }
            Some((_, value)) => Some(value.span().end),
            None => self.node.items().next_back().map(|item| item.span().end),
        }
    }

    fn comma(&self) -> &'static str {
        if self.colon.ends_with(' ') { ", " } else { "," }
    }

    fn entry(&self, key: &str, addition: &Addition, outer: &str) -> String {
        let Self { quote, colon, .. } = self;
        format!("{quote}{key}{quote}{colon}{}", self.rendered(addition, outer))
    }

    /// Formats a value on a line with the indentation `outer`.
    fn rendered(&self, addition: &Addition, outer: &str) -> String {
        let unit = self.lines.map(|lines| lines.unit).unwrap_or_default();
        let inner = format!("{outer}{unit}");
        let (open, pieces, close) = match addition {
            Addition::Word(word) => return word.quoted(self.quote),
            Addition::List(items) => {
                let items = items.iter().map(|item| self.rendered(item, &inner));
                ("[", items.collect::<Vec<_>>(), "]")
            }
            Addition::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| self.entry(key, value, &inner));
                ("{", entries.collect(), "}")
            }
        };
        match self.lines.filter(|_| !pieces.is_empty()) {
            Some(Lines { line_break, .. }) => {
                let start = format!("{line_break}{inner}");
                let body = pieces.join(&format!(",{start}"));
                format!("{open}{start}{body}{line_break}{outer}{close}")
            }
            None => format!("{open}{}{close}", pieces.join(self.comma())),
        }
    }
}

impl<'n> Lines<'n> {
    /// The layout of the last entry.
    fn within(text: &'n str, node: Node<'n>, last: Node<'n>) -> Option<Self> {
        let byte = last.span().start;
        if !layout::is_first(text, byte) {
            return None;
        }
        let outer = layout::indent(text, node.span().start);
        let unit = layout::indent(text, byte).strip_prefix(outer).unwrap_or_default();
        Some(Self { outer, unit, line_break: layout::line_break(text, node.span().start) })
    }

    /// The layout of the nearest surrounding flow mapping whose entries are on separate lines.
    fn around(text: &'n str, found: &FoundNode<'n, '_>) -> Option<Self> {
        let own = found.trail.last()?;
        let parent = found.trail.iter().rev().nth(1)?.node;
        let key = own.key?;
        let is_flow = parent.kind() == NodeKind::Map(Style::Flow);
        let lines = Self::within(text, parent, key).filter(|_| is_flow)?;
        Some(Self { outer: layout::indent(text, key.span().start), ..lines })
    }

    /// The indentation of entries.
    fn inner(self) -> String {
        format!("{}{}", self.outer, self.unit)
    }
}

/// The text between a key and its value on one line.
fn colon<'n>(text: &'n str, key: Node<'_>, value: Node<'_>) -> Option<&'n str> {
    let between = text.get(key.span().end..value.span().start)?;
    let is_plain = between.contains(':') && between.chars().all(|c| matches!(c, ':' | ' '));
    (is_plain && !value.span().is_empty()).then_some(between)
}

/// The comma between the last entry and the bracket, if any.
fn comma(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut in_comment = false;
    for (at, byte) in text.get(from..to)?.bytes().enumerate() {
        match byte {
            b'\n' => in_comment = false,
            b'#' => in_comment = true,
            b',' if !in_comment => return Some(from + at),
            _ => {}
        }
    }
    None
}
