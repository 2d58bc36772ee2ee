//! Passes over a value that nobody asked for, checking all of it.
//!
//! No recursion: a text may nest as deep as it likes at the cost of one bit a level.

use super::error::Error;
use super::index::Index;
use super::number::number_end;
use super::reader::{Reader, byte, expect, literal_end, token};

impl Reader<'_> {
    /// Passes over one value, of which the place may stand before its whitespace.
    #[inline]
    pub(super) fn skip_value(&mut self) -> Result<(), Error> {
        self.at = if self.byte() == b'"' {
            self.index.closing_quote(self.at + 1)? + 1
        } else {
            value_end(self.text.as_bytes(), self.at, &self.index)?
        };
        Ok(())
    }
}

/// Where the value ends that starts at `at` or behind the whitespace there.
fn value_end(bytes: &[u8], mut at: usize, index: &Index) -> Result<usize, Error> {
    let mut open = Nesting::default();
    loop {
        if byte(bytes, at) == b'"' {
            at = index.closing_quote(at + 1)? + 1;
        } else {
            match token(bytes, &mut at) {
                b'{' => {
                    at += 1;
                    if !expect(bytes, &mut at, b'}') {
                        at = key_end(bytes, at, index)?;
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
                b'"' => at = index.closing_quote(at + 1)? + 1,
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
                        at = key_end(bytes, at, index)?;
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
fn key_end(bytes: &[u8], mut at: usize, index: &Index) -> Result<usize, Error> {
    if !expect(bytes, &mut at, b'"') {
        return Err(Error::expected("a key in quotes", at));
    }
    loop {
        at = index.closing_quote(at)? + 1;
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
