//! Strings: passed over, or read. Both start just behind the opening quote.

use super::error::Error;
use super::reader::Reader;

/// A string as the text has it, or with its escapes resolved in the caller's scratch space.
pub(super) enum Text<'de> {
    Borrowed(&'de str),
    Scratch,
}

const UNFINISHED: &str = "`\"` at the end of the string";

/// Every byte 1; times `b`, every byte `b`.
const ONES: u64 = u64::MAX / 255;
const HIGH_BITS: u64 = ONES * 0x80;

/// Sets the highest bit of each byte that is a quote, a backslash or a control character, and no other bit.
///
/// No sum here carries into the next byte, so that each byte is judged exactly.
#[inline(always)]
fn specials(word: u64) -> u64 {
    let low = word & !HIGH_BITS;
    let not_quote = (low ^ (ONES * b'"' as u64)) + ONES * 0x7F;
    let not_backslash = (low ^ (ONES * b'\\' as u64)) + ONES * 0x7F;
    let not_control = low + ONES * 0x60;
    !(not_quote & not_backslash & not_control | word) & HIGH_BITS
}

#[inline(always)]
fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

impl<'de> Reader<'de> {
    /// Stops at the first quote, backslash or control character, or at the end.
    #[inline(always)]
    fn skip_plain(&mut self) {
        let mut rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        while let Some((word, behind)) = rest.split_first_chunk() {
            let specials = specials(u64::from_le_bytes(*word));
            if specials != 0 {
                self.at = self.text.len() - rest.len() + (specials.trailing_zeros() / 8) as usize;
                return;
            }
            rest = behind;
        }
        let plain = rest.iter().position(|&byte| is_special(byte));
        self.at = self.text.len() - rest.len() + plain.unwrap_or(rest.len());
    }

    /// Passes over the rest of a string and its closing quote.
    #[inline(always)]
    pub(super) fn skip_string(&mut self) -> Result<(), Error> {
        loop {
            self.skip_plain();
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.at += 1;
                    self.skip_escape()?;
                }
                _ => return Err(self.unfinished_string()),
            }
        }
    }

    /// Surrogates need not pair in what is skipped: serde_json does not ask that either.
    #[inline(always)]
    fn skip_escape(&mut self) -> Result<(), Error> {
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                Ok(())
            }
            b'u' => {
                self.at += 1;
                self.hex_escape().map(drop)
            }
            _ => Err(self.invalid_escape()),
        }
    }

    /// Reads the rest of a string and its closing quote.
    #[inline]
    pub(super) fn string(&mut self, scratch: &mut String) -> Result<Text<'de>, Error> {
        let start = self.at;
        self.skip_plain();
        match self.byte() {
            b'"' => {
                let text = self.text.get(start..self.at).unwrap_or_default();
                self.at += 1;
                Ok(Text::Borrowed(text))
            }
            _ => self.escaped_string(start, scratch),
        }
    }

    /// The place is the first special byte of a string that starts at `start`.
    #[cold]
    fn escaped_string(&mut self, mut start: usize, scratch: &mut String) -> Result<Text<'de>, Error> {
        scratch.clear();
        loop {
            scratch.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(Text::Scratch);
                }
                b'\\' => {
                    self.at += 1;
                    scratch.push(self.escape()?);
                }
                _ => return Err(self.unfinished_string()),
            }
            start = self.at;
            self.skip_plain();
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let character = match self.byte() {
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            _ => return Err(self.invalid_escape()),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, Error> {
        let start = self.at;
        let unit = self.hex_escape()?;
        let pair = if (0xD800..0xDC00).contains(&unit) && self.text.as_bytes().get(self.at..self.at + 2) == Some(b"\\u") {
            self.at += 2;
            [unit, self.hex_escape()?]
        } else {
            [unit, 0]
        };
        let lone = || Error::refused("half of a surrogate pair: write \\uD800 to \\uDBFF and then \\uDC00 to \\uDFFF", start);
        char::decode_utf16(pair).next().and_then(Result::ok).ok_or_else(lone)
    }

    fn hex_escape(&mut self) -> Result<u16, Error> {
        let start = self.at;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.byte()).to_digit(16);
            let digit = digit.and_then(|digit| u16::try_from(digit).ok());
            unit = unit << 4 | digit.ok_or_else(|| Error::expected("four hex digits after \\u", start))?;
            self.at += 1;
        }
        Ok(unit)
    }

    #[cold]
    fn invalid_escape(&self) -> Error {
        Error::expected("one of \" \\ / b f n r t u after a backslash", self.at)
    }

    /// Neither a quote nor a backslash stands here: a control character, or nothing.
    #[cold]
    fn unfinished_string(&self) -> Error {
        if self.at < self.text.len() {
            Error::refused("a control character in a string: write it as an escape", self.at)
        } else {
            Error::expected(UNFINISHED, self.at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_special, specials};

    #[test]
    fn each_byte_of_a_word_is_judged_alone() {
        for byte in 0..=u8::MAX {
            for neighbour in [0, b'!', b'"', b'#', b'[', b'\\', b']', 0x1F, b' ', 0x7F, 0x80, 0xFF] {
                for place in 0..8 {
                    let mut bytes = [neighbour; 8];
                    bytes[place] = byte;
                    let marks = bytes.map(|byte| if is_special(byte) { 0x80 } else { 0 });
                    assert_eq!(specials(u64::from_le_bytes(bytes)), u64::from_le_bytes(marks), "{bytes:?}");
                }
            }
        }
    }
}
