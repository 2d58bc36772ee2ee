//! 64 bytes of text looked at together, for where strings end.
//!
//! There are no vector instructions in here: the loops over fixed lanes are such that the compiler makes them so
//! on every machine that has any.

use super::error::Error;

pub(super) const BLOCK: usize = 64;

/// Every byte 1.
const ONES: u64 = u64::MAX / 255;

/// What strings depend on in the 64 bytes from `start`, a bit each, the lowest for the first.
pub(super) struct Block {
    pub(super) start: usize,
    /// The quotes that no backslash escapes.
    pub(super) quotes: u64,
    pub(super) backslashes: u64,
    pub(super) controls: u64,
    /// 1 where the last byte is a backslash that escapes the first byte of the next block, else 0.
    escapes_next: u64,
}

impl Block {
    /// Nothing has been looked at: it starts where no text reaches.
    pub(super) const NONE: Self =
        Self { start: usize::MAX / 2, quotes: 0, backslashes: 0, controls: 0, escapes_next: 0 };

    /// Looks at the bytes from `start`, which is in a string but not behind a backslash.
    #[inline(never)]
    pub(super) fn look(&mut self, bytes: &[u8], start: usize) -> Result<(), Error> {
        self.escapes_next = 0;
        self.look_from(bytes, start)
    }

    /// Looks at the bytes behind these, of which no quote ended the string.
    #[inline(never)]
    pub(super) fn look_further(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.look_from(bytes, self.start + BLOCK)
    }

    /// Checks each escape that it comes upon: text with a wrong one is no JSON, wherever it is.
    #[inline(always)]
    fn look_from(&mut self, bytes: &[u8], start: usize) -> Result<(), Error> {
        self.start = start;
        let rest = bytes.get(start..).unwrap_or_default();
        match rest.first_chunk() {
            Some(block) => self.mark(bytes, block),
            None if rest.is_empty() => {
                Err(Error::expected("`\"` at the end of a string", bytes.len()))
            }
            None => self.mark(bytes, &padded(rest)),
        }
    }

    #[inline(always)]
    fn mark(&mut self, bytes: &[u8], block: &[u8; BLOCK]) -> Result<(), Error> {
        let (quotes, rarer) = survey(block);
        self.quotes = quotes;
        self.backslashes = 0;
        self.controls = 0;
        if rarer || self.escapes_next != 0 { self.mark_rarer(bytes, block) } else { Ok(()) }
    }

    #[inline(never)]
    fn mark_rarer(&mut self, bytes: &[u8], block: &[u8; BLOCK]) -> Result<(), Error> {
        self.controls = controls(block);
        self.backslashes = backslashes(block);
        let escaped = self.escaped();
        let mut unusual = escaped & !(self.quotes | self.backslashes);
        while unusual != 0 {
            check_escape(bytes, self.start + unusual.trailing_zeros() as usize)?;
            unusual &= unusual - 1;
        }
        self.quotes &= !escaped;
        Ok(())
    }

    /// The bytes that a backslash escapes.
    #[inline(always)]
    fn escaped(&mut self) -> u64 {
        let mut escaped = std::mem::take(&mut self.escapes_next);
        let mut left = self.backslashes & !escaped;
        if left & left << 1 == 0 {
            self.escapes_next = left >> 63;
            return escaped | left << 1;
        }
        while left != 0 {
            let backslash = left & left.wrapping_neg();
            self.escapes_next = backslash >> 63;
            escaped |= backslash << 1;
            left &= !(backslash | backslash << 1);
        }
        escaped
    }
}

/// Checks what follows a backslash. Surrogates need not pair: serde_json does not ask that of strings that it skips.
fn check_escape(bytes: &[u8], at: usize) -> Result<(), Error> {
    match bytes.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
        Some(b'u') => match bytes.get(at + 1..at + 5) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(()),
            _ => Err(Error::expected("four hex digits after \\u", at + 1)),
        },
        _ => Err(Error::expected("one of \" \\ / b f n r t u after a backslash", at)),
    }
}

/// Spaces stand for what is missing at the end of the text.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    for (padded, byte) in block.iter_mut().zip(rest) {
        *padded = *byte;
    }
    block
}

/// The quotes of a block, and whether it has anything rarer that strings depend on.
#[inline(never)]
fn survey(block: &[u8; BLOCK]) -> (u64, bool) {
    let quotes = marks(block, |byte| byte == b'"');
    let rarer = block.map(|byte| (byte == b'\\') | (byte < b' '));
    (quotes, rarer.iter().fold(false, |any, &rarer| any | rarer))
}

#[inline(never)]
fn backslashes(block: &[u8; BLOCK]) -> u64 {
    marks(block, |byte| byte == b'\\')
}

#[inline(never)]
fn controls(block: &[u8; BLOCK]) -> u64 {
    if block.iter().fold(true, |none, &byte| none & (byte >= b' ')) {
        return 0;
    }
    marks(block, |byte| byte < b' ')
}

/// A bit for each byte that `is` takes, the lowest for the first.
///
/// Eight bytes make a row of bits, one a byte; the rows are laid over each other, each a bit higher than the one before,
/// and the square that they make is turned.
#[inline(always)]
fn marks(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let marked = block.map(|byte| if is(byte) { u8::MAX } else { 0 });
    let rows = marked.as_chunks().0.iter().enumerate();
    turned(rows.fold(0, |square, (row, bytes)| square | u64::from_le_bytes(*bytes) & (ONES << row)))
}

/// Bit `8 * i + k` becomes bit `8 * k + i`.
#[inline(always)]
fn turned(square: u64) -> u64 {
    let swapped = |square: u64, by: u32, upper: u64| {
        let differing = (square ^ square >> by) & upper;
        square ^ differing ^ differing << by
    };
    let square = swapped(square, 7, 0x00AA_00AA_00AA_00AA);
    let square = swapped(square, 14, 0x0000_CCCC_0000_CCCC);
    swapped(square, 28, 0x0000_0000_F0F0_F0F0)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, marks, survey};

    #[test]
    fn every_byte_is_marked_at_its_place() {
        for place in 0..BLOCK {
            let mut block = [b'x'; BLOCK];
            block[place] = b'"';
            assert_eq!(marks(&block, |byte| byte == b'"'), 1 << place);
            assert_eq!(marks(&block, |byte| byte != b'"'), !(1 << place));
            assert_eq!(survey(&block), (1 << place, false));
            for rarer in [b'\\', 0, 0x1F] {
                block[place] = rarer;
                assert_eq!(survey(&block), (0, true));
            }
        }
    }
}
