//! Strings: passed over, or read. Both start just behind the opening quote.

use super::block::{BLOCK, Block};
use super::error::Error;
use super::reader::Reader;

/// A string as the text has it, or with its escapes resolved in the caller's scratch space.
pub(super) enum Text<'de> {
    Borrowed(&'de str),
    Scratch,
}

impl<'de> Reader<'de> {
    /// Reads the rest of a string and its closing quote.
    #[inline]
    pub(super) fn string(&mut self, scratch: &mut String) -> Result<Text<'de>, Error> {
        let start = self.at;
        let end = string_end(self.text.as_bytes(), start, &mut self.block)?;
        self.at = end.at + 1;
        let text = self.text.get(start..end.at).unwrap_or_default();
        if end.backslashes == 0 {
            Ok(Text::Borrowed(text))
        } else {
            resolve(text, scratch, start).map(|()| Text::Scratch)
        }
    }
}

pub(super) struct End {
    /// Where the closing quote is.
    pub(super) at: usize,
    /// Not 0 where there is a backslash in the string.
    backslashes: u64,
}

/// Finds the end of a string that starts at `at`, behind its opening quote.
#[inline(always)]
pub(super) fn string_end(bytes: &[u8], at: usize, block: &mut Block) -> Result<End, Error> {
    let mut offset = at.wrapping_sub(block.start);
    if offset >= BLOCK {
        block.look(bytes, at)?;
        offset = 0;
    }
    let mut ahead = u64::MAX << offset;
    let mut backslashes = 0;
    loop {
        let quotes = block.quotes & ahead;
        // The bits below the lowest quote, or all where there is none.
        let string = quotes.wrapping_sub(1) & !quotes & ahead;
        if block.controls & string != 0 {
            return Err(control_character(block, string));
        }
        backslashes |= block.backslashes & string;
        if quotes != 0 {
            let at = block.start + quotes.trailing_zeros() as usize;
            return Ok(End { at, backslashes });
        }
        block.look_further(bytes)?;
        ahead = u64::MAX;
    }
}

#[cold]
fn control_character(block: &Block, string: u64) -> Error {
    let place = (block.controls & string).trailing_zeros() as usize;
    Error::refused("a control character in a string: write it as an escape", block.start + place)
}

/// Resolves the escapes of a string at `start` in the text, all of which are known to be well formed.
#[cold]
fn resolve(text: &str, scratch: &mut String, start: usize) -> Result<(), Error> {
    scratch.clear();
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
