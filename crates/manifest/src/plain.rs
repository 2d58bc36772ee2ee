//! A fast parser for the common subset of YAML: block mappings and lists, scalars and flow collections on one line, `|`
//! and `>`.
//!
//! Returns nothing for anything else: anchors, tags, directives, multi-line scalars, empty values, tabs, unusual
//! characters, and all errors. The full parser then reads the text and reports errors. Tests check that both parsers
//! agree.

mod scalar;

use std::ops::Range;

use wide::u8x16;

use super::tree::{Builder, NoTree, NodeKind, Quotes, Style};

/// Deeper than real manifests.
const MAX_DEPTH: usize = 48;
/// The limit of YAML is 1024.
const MAX_KEY: usize = 1000;

/// Reads the single document of a text. None if it is not in the subset.
pub(super) fn read<'t>(text: &str, builder: Builder<'t>) -> Option<Result<Builder<'t>, NoTree>> {
    if !is_printable(text.as_bytes()) && !text.chars().all(is_plain) {
        return None;
    }
    let mut reader = Reader { text, at: 0, column: 0, depth: 0, builder, refused: None };
    let read = reader.line_start().and_then(|()| reader.block());
    match (read, reader.refused) {
        (_, Some(refused)) => Some(Err(refused)),
        (Some(()), None) if reader.at >= text.len() => Some(Ok(reader.builder)),
        _ => None,
    }
}

/// Whether the text is ASCII without control characters except line feeds.
fn is_printable(bytes: &[u8]) -> bool {
    let (lanes, rest) = bytes.as_chunks();
    let mut lanes = lanes.iter().map(|lanes| u8x16::new(*lanes));
    lanes.all(|bytes| {
        let is_sign = bytes.max(u8x16::splat(b' ')).min(u8x16::splat(b'~')).simd_eq(bytes);
        (is_sign | bytes.simd_eq(u8x16::splat(b'\n'))).all()
    }) && rest.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
}

/// Whether a character is in the subset: no control characters, Unicode line breaks or byte order marks.
fn is_plain(char: char) -> bool {
    match char {
        '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        '\n' | ' '..='~' | '\u{a1}'..='\u{fffd}' => true,
        other => matches!(other, '\u{1f300}'..='\u{1faff}'),
    }
}

struct Reader<'s, 't> {
    text: &'s str,
    /// The next byte to read: between two values, the first of the next line with content.
    at: usize,
    /// The column of `at`, where a block value may begin.
    column: usize,
    depth: usize,
    builder: Builder<'t>,
    /// Why the text read so far has no tree.
    refused: Option<NoTree>,
}

impl<'s> Reader<'s, '_> {
    /// Reads a list or a mapping at `column`.
    fn block(&mut self) -> Option<()> {
        if self.is_item() { self.list() } else { self.map() }
    }

    fn list(&mut self) -> Option<()> {
        let column = self.column;
        self.start(NodeKind::List(Style::Block))?;
        while self.is_item() && self.column == column {
            let dash = self.at;
            self.at += 1;
            self.skip_spaces();
            self.column = column + (self.at - dash);
            if self.is_item() || self.key().is_some() {
                self.block()?;
            } else {
                self.value(column)?;
            }
        }
        self.end(self.at..self.at)
    }

    fn map(&mut self) -> Option<()> {
        let column = self.column;
        let mut is_empty = true;
        self.start(NodeKind::Map(Style::Block))?;
        while let Some((key, quotes)) = self.key() {
            if self.is_done() || self.column != column {
                break;
            }
            is_empty = false;
            let end = key.end;
            let name = self.text.get(key.clone())?;
            let name = match quotes {
                Quotes::Plain => name,
                _ => {
                    name.get(1..name.len() - 1).filter(|name| !name.contains(['\\', '\'', '"']))?
                }
            };
            self.scalar(key, quotes, name)?;
            self.at = end + 1;
            self.skip_spaces();
            if !self.is_line_end() {
                self.value(column)?;
                continue;
            }
            self.end_line()?;
            let is_below = self.column > column || (self.column == column && self.is_item());
            if self.is_done() || !is_below {
                return None;
            }
            self.block()?;
        }
        // Without a single key it is not a mapping.
        if is_empty {
            return None;
        }
        self.end(self.at..self.at)
    }

    /// Reads a value after a key or a dash, to the end of its last line. `parent` is the column of that key or dash.
    fn value(&mut self, parent: usize) -> Option<()> {
        match self.byte(self.at) {
            b'|' | b'>' => return self.block_scalar(parent),
            b'[' | b'{' => self.flow()?,
            b'"' | b'\'' => self.quoted()?,
            _ => self.plain()?,
        }
        self.end_line()?;
        // Otherwise the scalar would continue on the next line.
        (self.is_done() || self.column <= parent).then_some(())
    }

    /// The key at this position, without its colon.
    fn key(&self) -> Option<(Range<usize>, Quotes)> {
        let (at, quotes) = match self.byte(self.at) {
            b'"' | b'\'' => self.quotes()?,
            first if first.is_ascii_alphabetic() => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./-".contains(byte);
                let rest = self.text.as_bytes().get(self.at..)?;
                let length = rest.iter().take_while(|byte| is_part(byte)).count();
                (self.at..self.at + length, Quotes::Plain)
            }
            _ => return None,
        };
        let is_key = self.byte(at.end) == b':' && matches!(self.byte(at.end + 1), b' ' | b'\n');
        (is_key && at.len() <= MAX_KEY).then_some((at, quotes))
    }

    fn is_item(&self) -> bool {
        self.byte(self.at) == b'-' && self.byte(self.at + 1) == b' '
    }

    fn start(&mut self, kind: NodeKind) -> Option<()> {
        self.depth += 1;
        let began = self.builder.start(kind, self.at..self.at + 1);
        self.or_refused(began).filter(|()| self.depth <= MAX_DEPTH)
    }

    fn end(&mut self, at: Range<usize>) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        let ended = self.builder.end(at);
        self.or_refused(ended)
    }

    fn scalar(&mut self, at: Range<usize>, quotes: Quotes, value: &str) -> Option<()> {
        let taken = self.builder.scalar(value, quotes, at);
        self.or_refused(taken)
    }

    fn or_refused(&mut self, taken: Result<(), NoTree>) -> Option<()> {
        taken.map_err(|refused| self.refused = Some(refused)).ok()
    }

    /// Skips blanks and a comment, and moves to the next line with content.
    fn end_line(&mut self) -> Option<()> {
        let before = self.at;
        self.skip_spaces();
        match self.byte(self.at) {
            b'\n' => {}
            b'#' if self.at > before || self.byte(before.checked_sub(1)?) == b' ' => {
                self.skip_line();
            }
            _ => return None,
        }
        self.at += 1;
        self.line_start()
    }

    /// From the beginning of a line, moves to the first line that is neither blank nor a comment, and sets the column.
    fn line_start(&mut self) -> Option<()> {
        loop {
            let start = self.at;
            self.skip_spaces();
            self.column = self.at.checked_sub(start)?;
            if self.is_done() {
                self.at = self.text.len();
                self.column = 0;
                return Some(());
            }
            match self.byte(self.at) {
                b'\n' => {}
                b'#' => self.skip_line(),
                _ => return Some(()),
            }
            self.at += 1;
        }
    }

    fn skip_spaces(&mut self) {
        while self.byte(self.at) == b' ' {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Whether the line has no more content.
    fn is_line_end(&self) -> bool {
        matches!(self.byte(self.at), b'\n' | b'#')
    }

    fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The end of the text counts as a line break.
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(b'\n')
    }
}
