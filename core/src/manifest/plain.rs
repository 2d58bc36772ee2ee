//! The YAML that nearly all manifests are written in, read many times faster than all of YAML can be: mappings and
//! lists by indentation, scalars that end on their line, brackets that close on theirs, `|` and `>`.
//!
//! What it is not sure of it does not read: anchors, tags, directives, scalars over several lines, empty values,
//! tabs, strange characters, and all mistakes. The parser of all YAML does, and says what is wrong. What both
//! read, both read alike: tests hold them against each other.

use std::{borrow::Cow, collections::HashSet, ops::Range};

use wide::u8x16;

use super::tree::{Kind, Quotes, Style};

/// Deeper than manifests are.
const MAX_DEPTH: usize = 48;
/// Beyond these, the keys of a mapping are looked up in a set: most mappings have few.
const MAX_COMPARED: usize = 16;
/// YAML has none that are longer than 1024.
const MAX_KEY: usize = 1000;

/// A part of a document, in the order of the text.
#[derive(Debug)]
pub(super) struct Piece<'t> {
    /// Its line, from 0.
    pub(super) line: u64,
    /// Its bytes: of a start its first, of an end its bracket, or nothing.
    pub(super) at: Range<usize>,
    pub(super) what: What<'t>,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum What<'t> {
    /// A mapping or a list begins.
    Start(Kind),
    /// The last that began ends.
    End,
    /// In mappings keys and values take turns.
    Scalar(Quotes, Cow<'t, str>),
}

/// What a text turned out to be.
pub(super) enum Plain<'t> {
    /// Plain, and these are its parts.
    Parts(Vec<Piece<'t>>),
    /// No YAML: plain as far as the key that a mapping has twice, which is on this line, from 0.
    Repeated(u64, &'t str),
    /// It holds anything that is not plain.
    Unsure,
}

/// Reads the one document of a text. None where it holds anything that is not plain.
pub(super) fn read(text: &str) -> Option<Vec<Piece<'_>>> {
    match read_or_repeated(text) {
        Plain::Parts(parts) => Some(parts),
        Plain::Repeated(..) | Plain::Unsure => None,
    }
}

/// As [`read`], and says which key is repeated.
pub(super) fn read_or_repeated(text: &str) -> Plain<'_> {
    if !is_printable(text.as_bytes()) && !text.chars().all(is_plain) {
        return Plain::Unsure;
    }
    let pieces = Vec::with_capacity(text.len() / 12);
    let keys = Keys::default();
    let mut reader = Reader { text, at: 0, line: 0, column: 0, depth: 0, keys, pieces };
    let read = reader.line_start().and_then(|()| reader.block());
    match (read, reader.keys.repeated) {
        (Some(()), _) if reader.is_done() => Plain::Parts(reader.pieces),
        (None, Some(key)) => Plain::Repeated(reader.line, key),
        _ => Plain::Unsure,
    }
}

/// Whether it is ASCII, and of its control characters has the end of a line alone.
fn is_printable(bytes: &[u8]) -> bool {
    let (lanes, rest) = bytes.as_chunks();
    let mut lanes = lanes.iter().map(|lanes| u8x16::new(*lanes));
    lanes.all(|bytes| {
        let is_sign = bytes.max(u8x16::splat(b' ')).min(u8x16::splat(b'~')).simd_eq(bytes);
        (is_sign | bytes.simd_eq(u8x16::splat(b'\n'))).all()
    }) && rest.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
}

/// Letters and signs, but no control characters, no line ends of Unicode's, no marks of byte order.
fn is_plain(char: char) -> bool {
    match char {
        '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        '\n' | ' '..='~' | '\u{a1}'..='\u{fffd}' => true,
        other => matches!(other, '\u{1f300}'..='\u{1faff}'),
    }
}

struct Reader<'t> {
    text: &'t str,
    /// The byte to read next: between two values, the first of the next line that says something.
    at: usize,
    line: u64,
    /// Of `at`, where a block value may begin.
    column: usize,
    depth: usize,
    keys: Keys<'t>,
    pieces: Vec<Piece<'t>>,
}

impl<'t> Reader<'t> {
    /// A list or a mapping at `column`.
    fn block(&mut self) -> Option<()> {
        if self.is_item() { self.list() } else { self.map() }
    }

    fn list(&mut self) -> Option<()> {
        let column = self.column;
        self.start(Kind::List(Style::Block))?;
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
        let first = self.pieces.len() + 1;
        self.start(Kind::Map(Style::Block))?;
        let own_keys = self.keys.open();
        while let Some((key, quotes)) = self.key() {
            if self.is_done() || self.column != column {
                break;
            }
            let name = self.keys.take(self.text.get(key.clone())?, quotes)?;
            let end = key.end;
            self.scalar(key, quotes, name.into());
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
        // Without a single key it is none.
        if self.pieces.len() == first {
            return None;
        }
        self.keys.close(own_keys);
        self.end(self.at..self.at)
    }

    /// A value behind a key or a dash, to the end of its last line. `parent` is the column of that key or dash.
    fn value(&mut self, parent: usize) -> Option<()> {
        match self.byte(self.at) {
            b'|' | b'>' => return self.block_scalar(parent),
            b'[' | b'{' => self.flow()?,
            b'"' | b'\'' => self.quoted()?,
            _ => self.plain()?,
        }
        self.end_line()?;
        // Else it would go on there.
        (self.is_done() || self.column <= parent).then_some(())
    }

    fn plain(&mut self) -> Option<()> {
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
        self.scalar(self.at..end, Quotes::Plain, words.into());
        self.at = end;
        Some(())
    }

    /// What stands here to the end of the line or to a comment. None of what has a key in it.
    fn words(&self) -> Option<&'t str> {
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

    /// On one line. Of escapes only those that JSON writes in the same way.
    fn quoted(&mut self) -> Option<()> {
        let (at, quotes) = self.quotes()?;
        let inner = self.text.get(at.start + 1..at.end - 1)?;
        let value = match quotes {
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
        let end = at.end;
        self.scalar(at, quotes, value);
        self.at = end;
        Some(())
    }

    /// Where the quoted scalar stands that begins here.
    fn quotes(&self) -> Option<(Range<usize>, Quotes)> {
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

    /// In brackets, which close on this line.
    fn flow(&mut self) -> Option<()> {
        let is_map = self.byte(self.at) == b'{';
        let close = if is_map { b'}' } else { b']' };
        let kind = if is_map { Kind::Map } else { Kind::List };
        self.start(kind(Style::Flow))?;
        self.at += 1;
        self.skip_spaces();
        let own_keys = self.keys.open();
        let mut is_first = true;
        while !is_first || self.byte(self.at) != close {
            is_first = false;
            if is_map {
                self.flow_scalar()?;
                let Piece { at, what: What::Scalar(quotes, _), .. } = self.pieces.last()? else {
                    return None;
                };
                self.keys.take(self.text.get(at.clone())?, *quotes)?;
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
        self.keys.close(own_keys);
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
        self.scalar(self.at..end, Quotes::Plain, words.into());
        self.at = end;
        Some(())
    }

    /// The lines below `|` or `>`, without blank ones between those of `>`.
    fn block_scalar(&mut self, parent: usize) -> Option<()> {
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
                // Whether the last line ends decides what it says.
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
        let lines = self.text.get(self.at..end)?.bytes().filter(|byte| *byte == b'\n').count();
        let what = What::Scalar(Quotes::Block, value.into());
        self.pieces.push(Piece { line: self.line + 1, at: first + indent..end, what });
        self.line += lines as u64;
        self.at = end;
        self.end_line()?;
        (self.is_done() || self.column <= parent).then_some(())
    }

    /// The key that stands here, without its colon.
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

    fn start(&mut self, kind: Kind) -> Option<()> {
        self.depth += 1;
        self.pieces.push(Piece {
            line: self.line,
            at: self.at..self.at + 1,
            what: What::Start(kind),
        });
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn end(&mut self, at: Range<usize>) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        self.pieces.push(Piece { line: self.line, at, what: What::End });
        Some(())
    }

    fn scalar(&mut self, at: Range<usize>, quotes: Quotes, value: Cow<'t, str>) {
        self.pieces.push(Piece { line: self.line, at, what: What::Scalar(quotes, value) });
    }

    /// Nothing but spaces and a comment may follow. Goes on to the next line that says something.
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
        self.line += 1;
        self.line_start()
    }

    /// From the beginning of a line to the first that is neither blank nor a comment, and its column.
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
            self.line += 1;
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

    /// At the end of what the line says.
    fn is_line_end(&self) -> bool {
        matches!(self.byte(self.at), b'\n' | b'#')
    }

    fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text ends as a line does.
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(b'\n')
    }
}

/// The keys so far of all mappings that are open, those of the innermost last.
#[derive(Default)]
struct Keys<'t> {
    all: Vec<&'t str>,
    /// Where those of the innermost begin.
    own: usize,
    /// Those of mappings with many, by where theirs begin.
    sets: Vec<(usize, HashSet<&'t str>)>,
    /// The first that a mapping has twice.
    repeated: Option<&'t str>,
}

impl<'t> Keys<'t> {
    /// A mapping begins. Returns what [`Self::close`] needs.
    fn open(&mut self) -> usize {
        std::mem::replace(&mut self.own, self.all.len())
    }

    /// The innermost mapping ends.
    fn close(&mut self, outer: usize) {
        self.all.truncate(self.own);
        self.sets.pop_if(|(own, _)| *own == self.own);
        self.own = outer;
    }

    /// What a key reads as. None of one that is there already, or that may not be a string.
    fn take(&mut self, source: &'t str, quotes: Quotes) -> Option<&'t str> {
        let key = match quotes {
            Quotes::Plain => source,
            _ => source.get(1..source.len().checked_sub(1)?)?,
        };
        let is_sound = match quotes {
            Quotes::Plain => is_text(key),
            _ => !key.contains(['\\', '\'', '"']),
        };
        if !is_sound {
            return None;
        }
        if self.is_known(key)? {
            self.repeated = Some(key);
            return None;
        }
        self.all.push(key);
        Some(key)
    }

    fn is_known(&mut self, key: &'t str) -> Option<bool> {
        let own = self.all.get(self.own..)?;
        if own.len() < MAX_COMPARED {
            return Some(own.contains(&key));
        }
        if self.sets.last().is_none_or(|(start, _)| *start != self.own) {
            self.sets.push((self.own, own.iter().copied().collect()));
        }
        let (_, set) = self.sets.last_mut()?;
        Some(!set.insert(key))
    }
}

/// Whether a scalar without quotes is surely a string. Others may be one, too.
pub(super) fn is_text(plain: &str) -> bool {
    const WORDS: [&str; 12] =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan", "infinity"];
    const UNITS: [&str; 9] = ["m", "k", "Ki", "M", "Mi", "G", "Gi", "T", "Ti"];
    let first = plain.bytes().next().unwrap_or_default();
    if first.is_ascii_alphabetic() {
        let may_be_word =
            plain.len() <= 8 && matches!(first | 0x20, b'f' | b'i' | b'n' | b'o' | b't' | b'y');
        return plain.is_ascii()
            && !(may_be_word && WORDS.iter().any(|word| word.eq_ignore_ascii_case(plain)));
    }
    let is_quantity = || {
        let unit = plain.trim_start_matches(|digit: char| digit.is_ascii_digit());
        UNITS.contains(&unit)
    };
    let is_path_or_flag = matches!(first, b'/' | b'$') || plain.starts_with("--");
    (is_path_or_flag && plain.is_ascii()) || (first != b'0' && is_quantity())
}
