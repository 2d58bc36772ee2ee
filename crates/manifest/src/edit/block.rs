//! Additions to block style, which is structured by indentation: new lines after the last line of the collection, in
//! the author's indentation.

use super::{
    super::tree::{FoundNode, Node, NodeKind, Quotes, Stop, Style},
    Edit, Refusal,
    addition::{Addition, Entry},
    behind_colon, layout, refusal,
};

/// The indentation if the text shows none.
const STEP: usize = 2;

/// A block mapping or list.
pub(super) struct Block<'n> {
    text: &'n str,
    node: Node<'n>,
    /// The column of its keys or dashes, from 0.
    column: usize,
    /// Indentation of a nested mapping relative to its key.
    step: usize,
    /// Indentation of a nested list's dashes relative to its key.
    dash: usize,
    /// The quotes in flow-style lists, if the mapping has flow-style lists.
    brackets: Option<&'static str>,
}

impl<'n> Block<'n> {
    pub(super) fn of(found: &FoundNode<'n, '_>, node: Node<'n>) -> Self {
        let text = node.text();
        let column = |node: Node<'_>| layout::column(text, node.span().start);
        let own = node.entries().map(|(_, value)| (node, value));
        let pairs = found.trail.iter().rev().zip(found.trail.iter().rev().skip(1));
        let above = pairs
            .filter(|(stop, _)| stop.key.is_some())
            .map(|(stop, parent)| (parent.node, stop.node));
        let nested: Vec<_> = own.chain(above).filter(|(parent, _)| parent.is_block()).collect();
        let deeper = |kind: NodeKind| {
            let mut depths = nested.iter().filter(|(_, child)| child.kind() == kind);
            depths.next().and_then(|(parent, child)| column(*child).checked_sub(column(*parent)))
        };
        let siblings = node.entries().map(|(_, value)| value);
        let in_brackets = siblings.rev().find(|value| value.kind() == NodeKind::List(Style::Flow));
        Self {
            text,
            node,
            column: column(node),
            step: deeper(NodeKind::Map(Style::Block)).filter(|step| *step > 0).unwrap_or(STEP),
            dash: deeper(NodeKind::List(Style::Block)).unwrap_or_default(),
            brackets: in_brackets.map(|list| list.items().next_back().map_or("", quote)),
        }
    }

    /// Adds keys to the mapping.
    pub(super) fn entries(&self, entries: &[Entry]) -> Result<Vec<Edit>, Refusal> {
        let mut lines = Vec::new();
        self.lines(entries, self.column, &mut lines);
        Ok(vec![self.insert(self.node, self.node.span().end, self.column, &lines)?])
    }

    /// Adds items to the list.
    pub(super) fn items(&self, items: &[Addition]) -> Result<Vec<Edit>, Refusal> {
        let quote = self.node.items().next_back().map_or("", quote);
        let mut lines = Vec::new();
        items.iter().for_each(|item| self.item(item, self.column, quote, &mut lines));
        Ok(vec![self.insert(self.node, self.node.span().end, self.column, &lines)?])
    }

    /// Sets the value of a key that has none.
    pub(super) fn value(&self, at: Stop<'n>, addition: &Addition) -> Result<Vec<Edit>, Refusal> {
        let span = at.node.span();
        let is_written = !at.node.source().is_empty();
        let mut lines = Vec::new();
        match addition {
            _ if is_written => {
                return Ok(vec![Edit {
                    range: span,
                    text: in_line(addition, ""),
                    column: self.column,
                }]);
            }
            Addition::Word(_) => {
                let key = at.key.map_or(Ok(span.start), |key| behind_colon(self.text, key))?;
                let byte = key.max(span.start);
                let text = format!(" {}", in_line(addition, ""));
                return Ok(vec![Edit { range: byte..byte, text, column: self.column }]);
            }
            Addition::Map(entries) => self.lines(entries, self.column + self.step, &mut lines),
            Addition::List(items) => {
                let column = self.column + self.dash;
                items.iter().for_each(|item| self.item(item, column, "", &mut lines));
            }
        }
        Ok(vec![self.insert(at.node, span.end, self.column, &lines)?])
    }

    fn lines(&self, entries: &[Entry], column: usize, lines: &mut Vec<String>) {
        for (key, addition) in entries {
            let brackets = self.brackets.filter(|_| column == self.column);
            let start = format!("{:column$}{key}:", "");
            match (addition, brackets) {
                (Addition::Map(entries), _) if !entries.is_empty() => {
                    lines.push(start);
                    self.lines(entries, column + self.step, lines);
                }
                (Addition::List(items), Some(quote)) if items.iter().all(Addition::is_word) => {
                    lines.push(format!("{start} {}", in_line(addition, quote)));
                }
                (Addition::List(items), _) => {
                    lines.push(start);
                    items.iter().for_each(|item| self.item(item, column + self.dash, "", lines));
                }
                (Addition::Word(_) | Addition::Map(_), _) => {
                    lines.push(format!("{start} {}", in_line(addition, "")));
                }
            }
        }
    }

    /// Formats an item after a dash. Nested collections use the same indentation.
    fn item(&self, item: &Addition, column: usize, quote: &str, lines: &mut Vec<String>) {
        const DASH: &str = "- ";
        let first = lines.len();
        match item {
            Addition::Map(entries) => self.lines(entries, column + DASH.len(), lines),
            Addition::Word(_) | Addition::List(_) => lines.push(in_line(item, quote)),
        }
        if let Some(line) = lines.get_mut(first) {
            *line = format!("{:column$}{DASH}{}", "", line.trim_start());
        }
    }

    /// Inserts lines after the last line of `node`, and after following comments that are indented deeper than
    /// `column`, as if they were part of it.
    fn insert(
        &self,
        node: Node<'_>,
        end: usize,
        column: usize,
        lines: &[String],
    ) -> Result<Edit, Refusal> {
        let text = self.text;
        let line_break = layout::line_break(text, end);
        if end > 0 && layout::line_start(text, end) == end {
            // Behind the blank lines that a block scalar keeps.
            let lines = lines.iter().map(|line| format!("{line}{line_break}")).collect();
            return Ok(Edit { range: end..end, text: lines, column });
        }
        let rest = text.get(end..layout::line_end(text, end)).unwrap_or_default();
        let is_colon = rest.trim_start().starts_with(':');
        let behind = if is_colon { end + rest.find(':').unwrap_or_default() + 1 } else { end };
        if !layout::is_rest_empty(text, behind) {
            let why = "it is ambiguous to which value a line after this one would belong: set the fields by hand";
            return Err(refusal(behind, why.to_owned()));
        }
        let byte = behind_comments(text, layout::line_end(text, behind), column);
        if byte == text.len() && leaf(node).kind() == NodeKind::Scalar(Quotes::Block) {
            let why = "the text ends within a block scalar: end it with a line break, which would otherwise become \
                       part of the scalar";
            return Err(refusal(leaf(node).span().start, why.to_owned()));
        }
        let lines = lines.iter().map(|line| format!("{line_break}{line}")).collect();
        Ok(Edit { range: byte..byte, text: lines, column })
    }
}

/// The end of the last of the following comment lines that are indented deeper than `column`.
fn behind_comments(text: &str, line_end: usize, column: usize) -> usize {
    let mut end = line_end;
    let mut at = line_end;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find('\n')) {
        let start = at + next + 1;
        let indent = layout::indent(text, start);
        at = layout::line_end(text, start);
        let line = text.get(start + indent.len()..at).unwrap_or_default();
        if line.starts_with('#') && indent.len() > column {
            end = at;
        } else if !line.is_empty() {
            break;
        }
    }
    end
}

/// The last node in a block collection.
fn leaf(mut node: Node<'_>) -> Node<'_> {
    while node.is_block() {
        let last = node.entries().next_back().map(|(_, value)| value);
        match last.or_else(|| node.items().next_back()) {
            Some(last) => node = last,
            None => break,
        }
    }
    node
}

fn quote(scalar: Node<'_>) -> &'static str {
    match scalar.kind() {
        NodeKind::Scalar(Quotes::Double) => "\"",
        NodeKind::Scalar(Quotes::Single) => "'",
        NodeKind::Scalar(Quotes::Plain | Quotes::Block)
        | NodeKind::Null
        | NodeKind::Map(_)
        | NodeKind::List(_)
        | NodeKind::Alias => "",
    }
}

/// Formats a value on the line of its key or dash. Text in a list is quoted with `quote`.
fn in_line(addition: &Addition, quote: &str) -> String {
    match addition {
        Addition::Word(word) => word.quoted(quote),
        Addition::List(items) => {
            let items: Vec<_> = items.iter().map(|item| in_line(item, quote)).collect();
            format!("[{}]", items.join(", "))
        }
        Addition::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("{key}: {}", in_line(value, quote)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
