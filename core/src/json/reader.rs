//! A place in the text, and the tokens of JSON that can be read without allocating.

use super::error::Error;
use super::index::{Index, Passed};

pub(super) struct Reader<'de> {
    pub(super) text: &'de str,
    /// Bytes read so far. Never inside of a character when a token starts.
    pub(super) at: usize,
    pub(super) index: Index,
    /// The quotes behind the place.
    pub(super) passed: Passed,
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Result<Self, Error> {
        let index = Index::of(text.as_bytes())?;
        Ok(Self { text, at: 0, index, passed: Passed::NONE })
    }

    /// As [`byte`].
    #[inline(always)]
    pub(super) fn byte(&self) -> u8 {
        byte(self.text.as_bytes(), self.at)
    }

    /// As [`token`].
    #[inline(always)]
    pub(super) fn token(&mut self) -> u8 {
        token(self.text.as_bytes(), &mut self.at)
    }

    /// As [`expect`], where anything else than `byte` is wrong; `name` is what it is called then.
    #[inline(always)]
    pub(super) fn require(&mut self, byte: u8, name: &'static str) -> Result<(), Error> {
        if self.expect(byte) { Ok(()) } else { Err(Error::expected(name, self.at)) }
    }

    /// As [`expect`].
    #[inline(always)]
    pub(super) fn expect(&mut self, byte: u8) -> bool {
        expect(self.text.as_bytes(), &mut self.at, byte)
    }

    /// As [`peek`].
    #[inline(always)]
    pub(super) fn peek(&mut self, byte: u8) -> bool {
        peek(self.text.as_bytes(), &mut self.at, byte)
    }

    /// Reads `true`, `false` or `null`, of which the first byte has been seen.
    #[inline]
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Error> {
        self.at = literal_end(self.text.as_bytes(), self.at, literal)?;
        Ok(())
    }
}

/// The byte at a place, or NUL at the end: NUL is allowed nowhere in JSON, so both are refused alike.
#[inline(always)]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Passes over whitespace and gives the byte after it, as [`byte`] does.
#[inline(always)]
pub(super) fn token(bytes: &[u8], at: &mut usize) -> u8 {
    match bytes.get(*at) {
        Some(&byte) if byte > b' ' => byte,
        _ => {
            *at = space_end(bytes, *at);
            byte(bytes, *at)
        }
    }
}

/// Passes over whitespace and the byte that is asked for, if that is what comes.
#[inline(always)]
pub(super) fn expect(bytes: &[u8], at: &mut usize, wanted: u8) -> bool {
    let found = peek(bytes, at, wanted);
    *at += usize::from(found);
    found
}

/// Passes over whitespace unless the byte that is asked for is here; says whether that is what comes.
#[inline(always)]
fn peek(bytes: &[u8], at: &mut usize, wanted: u8) -> bool {
    byte(bytes, *at) == wanted || token(bytes, at) == wanted
}

/// Out of line: what an API server sends has no whitespace between tokens.
#[cold]
#[inline(never)]
fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while let b' ' | b'\n' | b'\t' | b'\r' = byte(bytes, at) {
        at += 1;
    }
    at
}

#[inline(always)]
pub(super) fn literal_end(bytes: &[u8], at: usize, literal: &'static str) -> Result<usize, Error> {
    let end = at + literal.len();
    if bytes.get(at..end) != Some(literal.as_bytes()) {
        return Err(Error::expected(literal, at));
    }
    Ok(end)
}
