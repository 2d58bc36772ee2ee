//! Lines and columns of a text.

/// The column of a byte, from 0, in characters. A byte order mark does not count.
pub(super) fn column(text: &str, byte: usize) -> usize {
    let before = text.get(line_start(text, byte)..byte).unwrap_or_default();
    before.strip_prefix('\u{feff}').unwrap_or(before).chars().count()
}

pub(super) fn line_start(text: &str, byte: usize) -> usize {
    text.get(..byte).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// The end of a line, before its line break.
pub(super) fn line_end(text: &str, byte: usize) -> usize {
    let rest = text.get(byte..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    byte + line.strip_suffix('\r').unwrap_or(line).len()
}

/// The indentation of a line.
pub(super) fn indent(text: &str, byte: usize) -> &str {
    let line = text.get(line_start(text, byte)..).unwrap_or_default();
    let end = line.find(|c| !matches!(c, ' ' | '\t')).unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// Whether a byte is the first of its line that is not blank. Reads only as much of the line as needed, because a line
/// may be the whole text.
pub(super) fn is_first(text: &str, byte: usize) -> bool {
    let before = text.get(..byte).unwrap_or_default().trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with('\n')
}

/// Whether only blanks or a comment follow on the line.
pub(super) fn is_rest_empty(text: &str, byte: usize) -> bool {
    let rest = text.get(byte..).unwrap_or_default().trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with(['#', '\n']) || rest.starts_with("\r\n")
}

/// The line break of the line; for the last line, that of the first.
pub(super) fn line_break(text: &str, byte: usize) -> &'static str {
    let at = |byte| text.get(line_end(text, byte)..).unwrap_or_default();
    let rest = at(byte);
    let rest = if rest.is_empty() { at(0) } else { rest };
    if rest.starts_with('\r') { "\r\n" } else { "\n" }
}
