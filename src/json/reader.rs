//! A place in the text, and the tokens of JSON that can be read without allocating.

use super::error::Error;

/// Copied to the stack where reading is hot, so that the place stays in a register.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de> {
    pub(super) text: &'de str,
    /// Bytes read so far. Never inside of a character when a token starts.
    pub(super) at: usize,
}

impl Reader<'_> {
    /// The byte here, or NUL at the end: NUL is allowed nowhere in JSON, so both are refused alike.
    #[inline(always)]
    pub(super) fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// Passes over whitespace and gives the byte after it, as [`Self::byte`] does.
    #[inline(always)]
    pub(super) fn token(&mut self) -> u8 {
        let byte = self.byte();
        if byte > b' ' {
            byte
        } else {
            self.token_after_space()
        }
    }

    /// Out of line: what an API server sends has no whitespace between tokens.
    #[inline(never)]
    fn token_after_space(&mut self) -> u8 {
        while let b' ' | b'\n' | b'\t' | b'\r' = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    #[inline(always)]
    pub(super) fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), Error> {
        if self.token() != byte {
            return Err(Error::expected(name, self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads `true`, `false` or `null`, of which the first byte has been seen.
    #[inline]
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Error> {
        let end = self.at + literal.len();
        if self.text.as_bytes().get(self.at..end) != Some(literal.as_bytes()) {
            return Err(Error::expected(literal, self.at));
        }
        self.at = end;
        Ok(())
    }
}
