//! Additions where indentation says what belongs together: lines behind the last line of what they are added to, in
//! the indentation that the author uses there.

use super::{
    super::tree::{Found, Kind, Node, Quotes, Stop, Style},
    Edit, Refusal,
    addition::{Addition, Word},
    behind_colon, layout, refusal,
};

/// What an author uses where nothing shows it.
const STEP: usize = 2;

/// A block mapping or list that is added to.
pub(super) struct Block<'n> {
    text: &'n str,
    node: Node<'n>,
    /// Of its keys or dashes, from 0.
    column: usize,
    /// How much deeper a mapping stands than the key that it belongs to.
    step: usize,
    /// How much deeper a list's dashes do.
    dash: usize,
    /// The quotes of lists that are written in brackets, where the mapping's own are.
    brackets: Option<&'static str>,
}

impl<'n> Block<'n> {
    pub(super) fn of(found: &Found<'n, '_>, node: Node<'n>) -> Self {
        let text = node.text();
        let column = |node: Node<'_>| layout::column(text, node.span().start);
        let own = node.entries().map(|(_, value)| (node, value));
        let pairs = found.trail.iter().rev().zip(found.trail.iter().rev().skip(1));
        let above = pairs
            .filter(|(stop, _)| stop.key.is_some())
            .map(|(stop, parent)| (parent.node, stop.node));
        let nested: Vec<_> = own.chain(above).filter(|(parent, _)| parent.is_block()).collect();
        let deeper = |kind: Kind| {
            let mut depths = nested.iter().filter(|(_, child)| child.kind() == kind);
            depths.next().and_then(|(parent, child)| column(*child).checked_sub(column(*parent)))
        };
        let siblings = node.entries().map(|(_, value)| value);
        let in_brackets = siblings.rev().find(|value| value.kind() == Kind::List(Style::Flow));
        Self {
            text,
            node,
            column: column(node),
            step: deeper(Kind::Map(Style::Block)).filter(|step| *step > 0).unwrap_or(STEP),
            dash: deeper(Kind::List(Style::Block)).unwrap_or_default(),
            brackets: in_brackets.map(|list| list.items().next_back().map_or("", quote)),
        }
    }

    /// New keys of the mapping.
    pub(super) fn entries(
        &self,
        entries: &[(&'static str, Addition)],
    ) -> Result<Vec<Edit>, Refusal> {
        let mut lines = Vec::new();
        self.lines(entries, self.column, &mut lines);
        Ok(vec![self.insert(self.node, self.node.span().end, self.column, &lines)?])
    }

    /// A new item of the list.
    pub(super) fn item(&self, item: Word) -> Result<Vec<Edit>, Refusal> {
        let quote = self.node.items().next_back().map_or("", quote);
        let line = format!("{:1$}- {2}", "", self.column, item.quoted(quote));
        Ok(vec![self.insert(self.node, self.node.span().end, self.column, &[line])?])
    }

    /// What is to be at a key of the mapping that has nothing.
    pub(super) fn value(&self, at: Stop<'n>, addition: &Addition) -> Result<Vec<Edit>, Refusal> {
        let span = at.node.span();
        let is_written = !at.node.source().is_empty();
        let mut lines = Vec::new();
        match addition {
            _ if is_written => {
                return Ok(vec![Edit {
                    range: span,
                    text: in_line(addition),
                    column: self.column,
                }]);
            }
            Addition::Word(_) => {
                let key = at.key.map_or(Ok(span.start), |key| behind_colon(self.text, key))?;
                let byte = key.max(span.start);
                let text = format!(" {}", in_line(addition));
                return Ok(vec![Edit { range: byte..byte, text, column: self.column }]);
            }
            Addition::Map(entries) => self.lines(entries, self.column + self.step, &mut lines),
            Addition::List(item) => {
                lines.push(format!("{:1$}- {2}", "", self.column + self.dash, item.quoted("")));
            }
        }
        Ok(vec![self.insert(at.node, span.end, self.column, &lines)?])
    }

    fn lines(&self, entries: &[(&'static str, Addition)], column: usize, lines: &mut Vec<String>) {
        for (key, addition) in entries {
            let brackets = self.brackets.filter(|_| column == self.column);
            let value = match (addition, brackets) {
                (Addition::Word(word), _) => format!(" {}", word.quoted("")),
                (Addition::List(item), Some(quote)) => format!(" [{}]", item.quoted(quote)),
                (Addition::Map(_) | Addition::List(_), _) => String::new(),
            };
            lines.push(format!("{:column$}{key}:{value}", ""));
            match addition {
                Addition::Map(entries) => self.lines(entries, column + self.step, lines),
                Addition::List(item) if value.is_empty() => {
                    lines.push(format!("{:1$}- {2}", "", column + self.dash, item.quoted("")));
                }
                Addition::List(_) | Addition::Word(_) => {}
            }
        }
    }

    /// Puts lines behind the one on which `node` ends, and behind the comments that are indented as if they were
    /// part of it: deeper than `column`.
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
            let why = "it cannot be told what on this line a line behind it would belong to: set the fields by hand";
            return Err(refusal(behind, why.to_owned()));
        }
        let byte = behind_comments(text, layout::line_end(text, behind), column);
        if byte == text.len() && leaf(node).kind() == Kind::Scalar(Quotes::Block) {
            let why = "the text ends within a block scalar: end it with a line break, which would otherwise become \
                       part of the scalar";
            return Err(refusal(leaf(node).span().start, why.to_owned()));
        }
        let lines = lines.iter().map(|line| format!("{line_break}{line}")).collect();
        Ok(Edit { range: byte..byte, text: lines, column })
    }
}

/// The end of the last of the comment lines that follow and are indented deeper than `column`.
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

/// What a block collection ends with.
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
        Kind::Scalar(Quotes::Double) => "\"",
        Kind::Scalar(Quotes::Single) => "'",
        Kind::Scalar(Quotes::Plain | Quotes::Block)
        | Kind::Null
        | Kind::Map(_)
        | Kind::List(_)
        | Kind::Alias => "",
    }
}

/// On the line of its key.
fn in_line(addition: &Addition) -> String {
    match addition {
        Addition::Word(word) => word.quoted(""),
        Addition::List(item) => format!("[{}]", item.quoted("")),
        Addition::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key}: {}", in_line(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
