//! Passes over a value that nobody asked for, checking all of it.
//!
//! No recursion: a text may nest as deep as it likes at the cost of one bit a level.

use super::error::Error;
use super::index::Index;
use super::number::number_end;
use super::reader::{Reader, literal_end, token};

impl Reader<'_> {
    /// Passes over one value, of which the place may stand before its whitespace.
    pub(super) fn skip_value(&mut self) -> Result<(), Error> {
        self.at = value_end(self.text.as_bytes(), self.at, &self.index)?;
        Ok(())
    }
}

/// Where the value ends that starts at `at` or behind the whitespace there.
fn value_end(bytes: &[u8], mut at: usize, index: &Index) -> Result<usize, Error> {
    let mut open = Nesting::default();
    loop {
        match token(bytes, &mut at) {
            b'"' => at = index.closing_quote(at + 1)? + 1,
            b'{' => {
                at += 1;
                match token(bytes, &mut at) {
                    b'}' => at += 1,
                    b'"' => {
                        at = key_end(bytes, at + 1, index)?;
                        open.enter(Container::Object);
                        continue;
                    }
                    _ => return Err(Error::expected("a key in quotes or `}`", at)),
                }
            }
            b'[' => {
                at += 1;
                if token(bytes, &mut at) != b']' {
                    open.enter(Container::Array);
                    continue;
                }
                at += 1;
            }
            b't' => at = literal_end(bytes, at, "true")?,
            b'f' => at = literal_end(bytes, at, "false")?,
            b'n' => at = literal_end(bytes, at, "null")?,
            _ => at = number_end(bytes, at)?,
        }
        loop {
            match open.innermost() {
                None => return Ok(at),
                Some(Container::Object) => match token(bytes, &mut at) {
                    b',' => {
                        at += 1;
                        if token(bytes, &mut at) != b'"' {
                            return Err(Error::expected("a key in quotes", at));
                        }
                        at = key_end(bytes, at + 1, index)?;
                        break;
                    }
                    b'}' => at += 1,
                    _ => return Err(Error::expected("`,` or `}`", at)),
                },
                Some(Container::Array) => match token(bytes, &mut at) {
                    b',' => {
                        at += 1;
                        break;
                    }
                    b']' => at += 1,
                    _ => return Err(Error::expected("`,` or `]`", at)),
                },
            }
            open.leave();
        }
    }
}

/// Where the value of an entry starts, or whitespace before it, whose key starts at `at` behind its opening quote.
///
/// managedFields is mostly entries with nothing in them: those are passed over here, up to the key of another.
#[inline(always)]
fn key_end(bytes: &[u8], mut at: usize, index: &Index) -> Result<usize, Error> {
    loop {
        at = index.closing_quote(at)? + 1;
        if bytes.get(at..at + 5) != Some(b":{},\"") {
            break;
        }
        at += 5;
    }
    if token(bytes, &mut at) != b':' {
        return Err(Error::expected("`:`", at));
    }
    Ok(at + 1)
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
        Self {
            bits: 1,
            outer: Vec::new(),
        }
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
