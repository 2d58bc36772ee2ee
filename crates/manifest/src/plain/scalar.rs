//! The scalars and flow collections of the subset.

use std::{borrow::Cow, ops::Range};

use super::{NodeKind, Quotes, Reader, Style};

impl<'s> Reader<'s, '_> {
    pub(super) fn plain(&mut self) -> Option<()> {
        let words = self.words()?;
        let second = words.as_bytes().get(1).copied().unwrap_or(b' ');
        let is_sound = match words.as_bytes().first()? {
            b'-' => second != b' ' && !words.starts_with("---"),
            b'.' => !words.starts_with("..."),
            first => first.is_ascii_alphanumeric() || b"/_$(+~".contains(first),
        };
        if !is_sound {
            return None;
        }
        let end = self.at + words.len();
        self.scalar(self.at..end, Quotes::Plain, words)?;
        self.at = end;
        Some(())
    }

    /// The text from here to the end of the line or a comment. None if it contains a key.
    pub(super) fn words(&self) -> Option<&'s str> {
        let (mut at, mut end) = (self.at, self.at);
        loop {
            match self.byte(at) {
                b'\n' => break,
                b' ' if self.byte(at + 1) == b'#' => break,
                b' ' => {}
                b':' if matches!(self.byte(at + 1), b' ' | b'\n') => return None,
                _ => end = at + 1,
            }
            at += 1;
        }
        self.text.get(self.at..end)
    }

    /// Reads a quoted scalar on one line. Supports only the escapes of JSON.
    pub(super) fn quoted(&mut self) -> Option<()> {
        let (at, quotes) = self.quotes()?;
        let inner = self.text.get(at.start + 1..at.end - 1)?;
        let value: Cow<'_, str> = match quotes {
            Quotes::Single if inner.contains('\'') => inner.replace("''", "'").into(),
            Quotes::Double if inner.contains('\\') => {
                let mut escapes = inner.split('\\').skip(1);
                let is_known = |after: &str| after.starts_with(['n', 't', '"']);
                if !escapes.all(is_known) {
                    return None;
                }
                serde_json::from_str::<String>(self.text.get(at.clone())?).ok()?.into()
            }
            _ => Cow::Borrowed(inner),
        };
        self.at = at.end;
        self.scalar(at, quotes, &value)
    }

    /// The range of the quoted scalar that begins here.
    pub(super) fn quotes(&self) -> Option<(Range<usize>, Quotes)> {
        let quote = self.byte(self.at);
        let mut end = self.at + 1;
        loop {
            match self.byte(end) {
                b'\n' => return None,
                b'\\' if quote == b'"' => end += 2,
                byte if byte != quote => end += 1,
                b'\'' if self.byte(end + 1) == b'\'' => end += 2,
                b'\'' => return Some((self.at..end + 1, Quotes::Single)),
                _ => return Some((self.at..end + 1, Quotes::Double)),
            }
        }
    }

    /// Reads a flow collection that ends on this line.
    pub(super) fn flow(&mut self) -> Option<()> {
        let is_map = self.byte(self.at) == b'{';
        let close = if is_map { b'}' } else { b']' };
        let kind = if is_map { NodeKind::Map } else { NodeKind::List };
        self.start(kind(Style::Flow))?;
        self.at += 1;
        self.skip_spaces();
        let mut is_first = true;
        while !is_first || self.byte(self.at) != close {
            is_first = false;
            if is_map {
                self.flow_scalar()?;
                if self.byte(self.at) != b':' || self.byte(self.at + 1) != b' ' {
                    return None;
                }
                self.at += 1;
                self.skip_spaces();
            }
            match self.byte(self.at) {
                b'[' | b'{' => self.flow()?,
                _ => self.flow_scalar()?,
            }
            self.skip_spaces();
            match self.byte(self.at) {
                b',' => self.at += 1,
                byte if byte == close => break,
                _ => return None,
            }
            self.skip_spaces();
        }
        self.end(self.at..self.at + 1)?;
        self.at += 1;
        Some(())
    }

    fn flow_scalar(&mut self) -> Option<()> {
        if matches!(self.byte(self.at), b'"' | b'\'') {
            return self.quoted();
        }
        let mut end = self.at;
        loop {
            match self.byte(end) {
                b',' | b']' | b'}' | b'\n' => break,
                b':' if self.byte(end + 1) == b' ' => break,
                b':' if self.byte(end + 1).is_ascii_alphanumeric() => {}
                b' ' if self.byte(end + 1).is_ascii_alphanumeric() => {}
                b' ' => break,
                byte if byte.is_ascii_alphanumeric() || b"_./@%+=-".contains(&byte) => {}
                _ => return None,
            }
            end += 1;
        }
        let words = self.text.get(self.at..end)?;
        let mut bytes = words.bytes();
        let is_sound = match bytes.next()? {
            b'-' => {
                bytes.next().is_some_and(|second| second == b'-' || second.is_ascii_alphanumeric())
            }
            first => first.is_ascii_alphanumeric() || b"_./".contains(&first),
        };
        if !is_sound || words.starts_with("---") || words.starts_with("...") {
            return None;
        }
        self.scalar(self.at..end, Quotes::Plain, words)?;
        self.at = end;
        Some(())
    }

    /// Reads the lines below `|` or `>`, without blank lines inside `>`.
    pub(super) fn block_scalar(&mut self, parent: usize) -> Option<()> {
        let rest = self.rest();
        let (header, _) = rest.split_once('\n')?;
        let (is_folded, is_stripped) = match header {
            "|" => (false, false),
            "|-" => (false, true),
            ">" => (true, false),
            ">-" => (true, true),
            _ => return None,
        };
        let first = self.at + header.len() + 1;
        let indent = self.text.get(first..)?.bytes().take_while(|byte| *byte == b' ').count();
        if indent <= parent || self.byte(first + indent) == b'\n' {
            return None;
        }
        let mut value = String::new();
        let mut end = first;
        let (mut next, mut blank) = (first, 0);
        loop {
            let Some((words, _)) = self.text.get(next..)?.split_once('\n') else {
                // The value depends on whether the last line has a line break.
                if next < self.text.len() {
                    return None;
                }
                break;
            };
            let spaces = words.len() - words.trim_start_matches(' ').len();
            if words.is_empty() {
                blank += 1;
            } else if words.len() == spaces {
                return None;
            } else if spaces < indent {
                break;
            } else {
                let is_first = value.is_empty();
                if is_folded && (blank > 0 || spaces > indent) {
                    return None;
                }
                match is_first {
                    true => {}
                    false if is_folded => value.push(' '),
                    false => (0..=blank).for_each(|_| value.push('\n')),
                }
                value.push_str(words.get(indent..)?);
                blank = 0;
                end = next + words.len();
            }
            next += words.len() + 1;
        }
        if !is_stripped {
            value.push('\n');
        }
        self.scalar(first + indent..end, Quotes::Block, &value)?;
        self.at = end;
        self.end_line()?;
        (self.is_done() || self.column <= parent).then_some(())
    }
}
