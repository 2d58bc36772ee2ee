//! The positions of nodes that the parser does not report exactly.

use std::ops::Range;

use super::Quotes;

/// The text without its quotes.
pub(super) fn bare(written: &str, quotes: Quotes) -> Option<&str> {
    match quotes {
        Quotes::Single | Quotes::Double => written.get(1..written.len().saturating_sub(1)),
        Quotes::Plain | Quotes::Block => Some(written),
    }
}

/// For a list that is not indented below its key, the parser reports the position of the first item. The dash is at the
/// beginning of that line.
pub(super) fn dash(text: &str, offset: usize, at: usize) -> usize {
    let text = text.get(offset..).unwrap_or_default();
    let line = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let text = text.get(line..).unwrap_or_default();
    let blank = text.len() - text.trim_start_matches(' ').len();
    if text.trim_start_matches(' ').starts_with('-') { line + blank } else { at }
}

/// Never truncates, because the length of the text is limited.
pub(super) fn offset(byte: usize) -> u32 {
    u32::try_from(byte).unwrap_or(u32::MAX)
}

/// The parser reads ahead to the next token. Blank lines after the last line belong to a scalar only if it keeps them:
/// then it ends at the beginning of a line.
pub(super) fn block_scalar(
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
