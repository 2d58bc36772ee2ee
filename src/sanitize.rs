//! Makes untrusted text harmless in output that people and CI runners read. All output of the program passes here; JSON
//! escapes what other formats drop ([`json`]).
//!
//! CI runners take commands from the output of a step: GitHub `::command::` at the beginning of a line and
//! `##[command]` anywhere (`actions/runner`, `ActionCommand.cs`), Azure Pipelines `##[…]` and `##vso[…]`, TeamCity
//! `##teamcity[…]`. Terminals obey escape sequences. Bidirectional controls and zero-width characters make a line look
//! different from what it is (CVE-2021-42574).

pub(crate) mod json;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    io::{self, Write},
};

/// Makes a string a single visible line, without line breaks, control characters and hidden characters. Keeps the
/// length in bytes, so that offsets remain valid.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, |_| false)
}

/// Makes a string a single line that neither a terminal nor a CI runner interprets.
pub(crate) fn one_line(text: &str) -> String {
    without_commands(&visible(text)).into_owned()
}

/// Makes source lines visible. Keeps the length in bytes.
pub(crate) fn source(text: &str) -> Cow<'_, str> {
    replaced(text, |char| matches!(char, '\n' | '\r' | '\t'))
}

/// Makes a multi-line text that neither a terminal nor a CI runner interprets.
pub(crate) fn text(text: &str) -> String {
    text.split_inclusive('\n').map(|one| line(one, |_| false)).collect()
}

/// Whether a character is replaced: control characters, bidirectional controls and zero-width characters.
pub(crate) fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{e0000}'..='\u{e0fff}')
}

fn replaced(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_replaced = |char: char| is_hidden(char) && !is_kept(char);
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.contains(is_replaced) {
        return text.into();
    }
    let shown = text.chars().flat_map(|char| {
        let (sign, times) = match (is_replaced(char), char.len_utf8()) {
            (false, _) => (char, 1),
            (true, 1) => (' ', 1),
            (true, 3) => (char::REPLACEMENT_CHARACTER, 1),
            (true, bytes) => ('\u{b7}', bytes / 2),
        };
        std::iter::repeat_n(sign, times)
    });
    shown.collect::<String>().into()
}

fn line(line: &str, is_kept: impl Fn(char) -> bool) -> String {
    let end = line.len() - line.trim_end_matches(['\n', '\r']).len();
    let (words, end) = line.split_at(line.len() - end);
    // A carriage return alone makes the terminal overwrite the line.
    let end = if matches!(end, "" | "\n" | "\r\n") {
        Cow::Borrowed(end)
    } else {
        end.replace('\r', " ").into()
    };
    let words = replaced(words, |char| char == '\t' || is_kept(char));
    format!("{}{end}", without_commands(&words))
}

/// Replaces the second of two signs that begin a command by its full-width form. No runner interprets that, and it is a
/// word character in YAML and XML.
pub(crate) fn without_commands(text: &str) -> Cow<'_, str> {
    let Some(first) = next_command(text, 0) else { return text.into() };
    let mut shown = String::with_capacity(text.len() + 8);
    let (mut from, mut next) = (0, Some(first));
    while let Some(at) = next {
        shown.push_str(text.get(from..at).unwrap_or_default());
        shown.push(if text.as_bytes().get(at) == Some(&b':') { '\u{ff1a}' } else { '\u{ff03}' });
        from = at + 1;
        next = next_command(text, from);
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    shown.into()
}

/// The position of the second sign of the next command, at or after `from`. Looks through styles, because a later step
/// may remove them.
fn next_command(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    (from.max(1)..bytes.len()).find(|&at| {
        let Some((sign @ (b'#' | b':'), after)) = bytes.get(at..).and_then(<[u8]>::split_first)
        else {
            return false;
        };
        let before = without_styles_at_end(bytes.get(..at).unwrap_or_default());
        let Some(before) = before.strip_suffix(&[*sign]) else { return false };
        match sign {
            b'#' => after_word(after).starts_with(b"["),
            // Inside a word it begins no command: fe80::1, std::fs.
            _ => !without_styles_at_end(before).last().is_some_and(u8::is_ascii_alphanumeric),
        }
    })
}

fn without_styles_at_end(mut bytes: &[u8]) -> &[u8] {
    let before_style = |bytes: &[u8]| {
        let sequence = bytes.strip_suffix(b"m")?;
        let parameters = sequence.iter().rev().take_while(|byte| is_parameter(byte)).count();
        let before = sequence.len().checked_sub(parameters + 2)?;
        sequence.get(before..)?.starts_with(b"\x1b[").then_some(before)
    };
    while let Some(before) = before_style(bytes).and_then(|end| bytes.get(..end)) {
        bytes = before;
    }
    bytes
}

/// What follows the letters and styles at the beginning.
fn after_word(mut bytes: &[u8]) -> &[u8] {
    let next = |bytes: &[u8]| {
        if bytes.first()?.is_ascii_alphabetic() {
            return Some(1);
        }
        let sequence = bytes.strip_prefix(b"\x1b[")?;
        let parameters = sequence.iter().take_while(|byte| is_parameter(byte)).count();
        (sequence.get(parameters) == Some(&b'm')).then_some(parameters + 3)
    };
    while let Some(after) = next(bytes).and_then(|start| bytes.get(start..)) {
        bytes = after;
    }
    bytes
}

fn is_parameter(byte: &u8) -> bool {
    byte.is_ascii_digit() || *byte == b';'
}

/// What is kept of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Styles {
    /// Keeps the program's own styles: everything else was made [`visible`] earlier.
    Kept,
    /// Removes all styles.
    Removed,
    /// Passes everything on unchanged: the format has escapes of its own, or consists of commands.
    Exact,
}

/// A writer that makes lines harmless to terminals and CI runners.
pub(crate) struct Harmless<W: Write> {
    out: W,
    styles: Styles,
    /// The incomplete line.
    line: Vec<u8>,
}

impl<W: Write> Harmless<W> {
    /// Wraps a writer of text.
    pub(crate) fn new(out: W, styles: Styles) -> Self {
        Self { out, styles, line: Vec::new() }
    }

    /// Flushes and returns the writer.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.pass()?;
        Ok(self.out)
    }

    fn pass(&mut self) -> io::Result<()> {
        let text = String::from_utf8_lossy(&self.line);
        let is_style = |char| self.styles == Styles::Kept && char == '\u{1b}';
        self.out.write_all(line(&text, is_style).as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.styles == Styles::Exact {
            return self.out.write(bytes);
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.pass()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
