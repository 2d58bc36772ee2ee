//! Passes over a value that nobody asked for, checking all of it.
//!
//! No recursion: a text may nest as deep as it likes at the cost of one bit a level.

use super::error::Error;
use super::reader::Reader;

impl Reader<'_> {
    /// Passes over one value, of which the place may stand before its whitespace.
    pub(super) fn skip_value(&mut self) -> Result<(), Error> {
        let mut reader = *self;
        let skipped = reader.skip_tree();
        self.at = reader.at;
        skipped
    }

    #[inline(always)]
    fn skip_tree(&mut self) -> Result<(), Error> {
        let mut open = Nesting::default();
        loop {
            let entered = self.skip_start(&mut open)?;
            if entered {
                continue;
            }
            loop {
                match open.innermost() {
                    None => return Ok(()),
                    Some(Container::Object) => match self.token() {
                        b',' => {
                            self.at += 1;
                            self.expect(b'"', "a key in quotes")?;
                            self.skip_key()?;
                            break;
                        }
                        b'}' => self.at += 1,
                        _ => return Err(Error::expected("`,` or `}`", self.at)),
                    },
                    Some(Container::Array) => match self.token() {
                        b',' => {
                            self.at += 1;
                            break;
                        }
                        b']' => self.at += 1,
                        _ => return Err(Error::expected("`,` or `]`", self.at)),
                    },
                }
                open.leave();
            }
        }
    }

    /// Passes over a scalar or an empty container; of any other container over what precedes its first value,
    /// and says so.
    #[inline(always)]
    fn skip_start(&mut self, open: &mut Nesting) -> Result<bool, Error> {
        match self.token() {
            b'"' => {
                self.at += 1;
                self.skip_string()?;
            }
            b'{' => {
                self.at += 1;
                match self.token() {
                    b'}' => self.at += 1,
                    b'"' => {
                        self.at += 1;
                        self.skip_key()?;
                        open.enter(Container::Object);
                        return Ok(true);
                    }
                    _ => return Err(Error::expected("a key in quotes or `}`", self.at)),
                }
            }
            b'[' => {
                self.at += 1;
                if self.token() != b']' {
                    open.enter(Container::Array);
                    return Ok(true);
                }
                self.at += 1;
            }
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            _ => self.skip_number()?,
        }
        Ok(false)
    }

    #[inline(always)]
    fn skip_key(&mut self) -> Result<(), Error> {
        self.skip_string()?;
        self.expect(b':', "`:`")
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
