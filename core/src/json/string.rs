//! Strings: where they end, and what they say.

use super::de::LONG;
use super::error::Error;
use super::index::WINDOW;
use super::reader::Reader;

impl<'de> Reader<'de> {
    /// Reads the string that starts here with its opening quote; none, with nothing read, where it has escapes, is
    /// long, or has no end.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<&'de str> {
        let mut quotes = self.index.quotes(self.passed);
        let (start, end) = (self.at + 1, quotes.closing(self.at)?);
        let text = self.text.get(start..end)?;
        if text.len() > WINDOW || self.index.has_backslash(start, text.len()) {
            return None;
        }
        self.passed = quotes.passed;
        self.at = end + 1;
        Some(text)
    }

    /// The same for any string: as the text has it, or none where its escapes have been resolved in `scratch`.
    #[cold]
    pub(super) fn string(&mut self, scratch: &mut String) -> Result<Option<&'de str>, Error> {
        let mut quotes = self.index.quotes(self.passed);
        let end = quotes.closing(self.at).ok_or_else(|| no_end(self.at))?;
        let start = self.at + 1;
        let text = self.text.get(start..end).ok_or_else(|| no_end(self.at))?;
        self.passed = quotes.passed;
        self.at = end + 1;
        if text.contains('\\') {
            resolve(text, scratch, start)?;
            return Ok(None);
        }
        Ok(Some(text))
    }
}

/// Of a string that starts at `start` with its opening quote.
#[cold]
pub(super) fn no_end(start: usize) -> Error {
    Error::refused("a string without an end", start)
}

/// Resolves the escapes of a string at `start` in the text, all of which are known to be well formed.
#[cold]
fn resolve(text: &str, scratch: &mut String, start: usize) -> Result<(), Error> {
    scratch.clear();
    // No escape is shorter than what it says: without growing, a long string takes no more than its text.
    scratch.reserve_exact(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        scratch.push_str(plain);
        let mut behind = escape.chars();
        let character = match behind.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let Some((character, rest)) = unicode(behind.as_str()) else {
                    let place = start + text.len() - escape.len() - 1;
                    return Err(Error::refused("half of a surrogate pair", place));
                };
                behind = rest.chars();
                character
            }
            Some(itself) => itself,
            None => break,
        };
        scratch.push(character);
        rest = behind.as_str();
    }
    scratch.push_str(rest);
    if scratch.capacity() > LONG && scratch.len() < scratch.capacity() / 2 {
        scratch.shrink_to_fit();
    }
    Ok(())
}

/// The character that starts with the four digits here, and the text behind it; none for a surrogate without its other
/// half.
fn unicode(digits: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(digits)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, rest))
}

fn unit(digits: &str) -> Option<(u16, &str)> {
    let (digits, rest) = digits.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}
