//! Passes over a value that nobody asked for, checking all of it.
//!
//! No recursion: a text may nest as deep as it likes at the cost of one bit a level.

use super::error::Error;
use super::index::Quotes;
use super::number::number_end;
use super::reader::{Reader, byte, expect, literal_end, token};
use super::string::no_end;

impl Reader<'_> {
    /// Passes over one value, of which the place may stand before its whitespace.
    #[inline]
    pub(super) fn skip_value(&mut self) -> Result<(), Error> {
        let mut quotes = self.index.quotes(self.passed);
        self.at = if self.byte() == b'"' {
            string_end(self.at, &mut quotes)?
        } else {
            value_end(self.text.as_bytes(), self.at, &mut quotes)?
        };
        self.passed = quotes.passed;
        Ok(())
    }
}

/// Where the value ends that starts at `at` or behind the whitespace there.
fn value_end(bytes: &[u8], mut at: usize, quotes: &mut Quotes<'_>) -> Result<usize, Error> {
    let mut open = Nesting::default();
    loop {
        if byte(bytes, at) == b'"' {
            at = string_end(at, quotes)?;
        } else {
            match token(bytes, &mut at) {
                b'{' => {
                    at += 1;
                    if !expect(bytes, &mut at, b'}') {
                        at = key_end(bytes, at, quotes)?;
                        open.enter(Container::Object);
                        continue;
                    }
                }
                b'[' => {
                    at += 1;
                    if !expect(bytes, &mut at, b']') {
                        open.enter(Container::Array);
                        continue;
                    }
                }
                b'"' => at = string_end(at, quotes)?,
                b't' => at = literal_end(bytes, at, "true")?,
                b'f' => at = literal_end(bytes, at, "false")?,
                b'n' => at = literal_end(bytes, at, "null")?,
                _ => at = number_end(bytes, at)?,
            }
        }
        loop {
            match open.innermost() {
                None => return Ok(at),
                Some(Container::Object) => {
                    if expect(bytes, &mut at, b',') {
                        at = key_end(bytes, at, quotes)?;
                        break;
                    }
                    if !expect(bytes, &mut at, b'}') {
                        return Err(Error::expected("`,` or `}`", at));
                    }
                }
                Some(Container::Array) => {
                    if expect(bytes, &mut at, b',') {
                        break;
                    }
                    if !expect(bytes, &mut at, b']') {
                        return Err(Error::expected("`,` or `]`", at));
                    }
                }
            }
            open.leave();
        }
    }
}

/// Where the value of an entry starts, or whitespace before it, whose key starts at `at` or behind the whitespace there.
///
/// managedFields is mostly entries with nothing in them: those are passed over here, up to the value of another.
#[inline(always)]
fn key_end(bytes: &[u8], mut at: usize, quotes: &mut Quotes<'_>) -> Result<usize, Error> {
    if !expect(bytes, &mut at, b'"') {
        return Err(Error::expected("a key in quotes", at));
    }
    loop {
        at = string_end(at - 1, quotes)?;
        if bytes.get(at..at + 5) != Some(b":{},\"") {
            break;
        }
        at += 5;
    }
    if !expect(bytes, &mut at, b':') {
        return Err(Error::expected("`:`", at));
    }
    Ok(at)
}

/// Where the text goes on behind the string that starts at `at` with its opening quote.
#[inline(always)]
fn string_end(at: usize, quotes: &mut Quotes<'_>) -> Result<usize, Error> {
    match quotes.closing(at) {
        Some(end) => Ok(end + 1),
        None => Err(no_end(at)),
    }
}

#[derive(Clone, Copy)]
enum Container {
    Object,
    Array,
}

/// The containers around a place, a bit each. The lowest bit of `bits` is the innermost, a set bit an object;
/// the highest set bit only marks where they end.
struct Nesting {
    bits: u64,
    outer: Vec<u64>,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { bits: 1, outer: Vec::new() }
    }
}

impl Nesting {
    #[inline(always)]
    fn innermost(&self) -> Option<Container> {
        match self.bits {
            1 => None,
            bits if bits & 1 == 1 => Some(Container::Object),
            _ => Some(Container::Array),
        }
    }

    #[inline(always)]
    fn enter(&mut self, container: Container) {
        if self.bits >> 63 == 1 {
            self.outer.push(self.bits);
            self.bits = 1;
        }
        self.bits = self.bits << 1 | u64::from(matches!(container, Container::Object));
    }

    #[inline(always)]
    fn leave(&mut self) {
        self.bits >>= 1;
        if self.bits == 1
            && let Some(bits) = self.outer.pop()
        {
            self.bits = bits;
        }
    }
}
