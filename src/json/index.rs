//! Where the strings of a text end, found 64 bytes at a time before anything is read.
//!
//! With it the end of a string is a few instructions away, however long it is, and most of the bytes of a text
//! need never be looked at one by one. There are no vector instructions in here: the loops over blocks of fixed length
//! are such that the compiler uses whatever the machine has.

use super::error::Error;

const BLOCK: usize = 64;

/// What is in a text, a bit a byte, the lowest of each eight for the first; and some bytes of nothing behind.
pub(super) struct Index {
    /// The quotes that no backslash escapes.
    quotes: Vec<u8>,
    backslashes: Vec<u8>,
}

impl Index {
    /// Also refuses wrong escapes, wherever they are, and control characters between two quotes.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Error> {
        let (blocks, rest) = bytes.as_chunks();
        let size = (blocks.len() + 2) * BLOCK / 8;
        let mut index = Self { quotes: vec![0; size], backslashes: vec![0; size] };
        let places = index.quotes.as_chunks_mut().0.iter_mut();
        let mut places = places.zip(index.backslashes.as_chunks_mut().0);
        let mut survey = Survey { bytes, start: 0, quotes: 0, escapes_next: 0 };
        for (block, (quotes, backslashes)) in blocks.iter().zip(&mut places) {
            survey.read(block, quotes, backslashes)?;
        }
        if let Some((quotes, backslashes)) = places.next() {
            survey.read(&padded(rest), quotes, backslashes)?;
        }
        Ok(index)
    }

    /// Where the closing quote is of the string that starts at `start`, behind its opening quote.
    #[inline(always)]
    pub(super) fn closing_quote(&self, start: usize) -> Result<usize, Error> {
        match window(&self.quotes, start) {
            0 => self.far_closing_quote(start),
            quotes => Ok(start + quotes.trailing_zeros() as usize),
        }
    }

    #[inline(never)]
    fn far_closing_quote(&self, start: usize) -> Result<usize, Error> {
        let mut at = start;
        while at / 8 < self.quotes.len() {
            let quotes = window(&self.quotes, at);
            if quotes != 0 {
                return Ok(at + quotes.trailing_zeros() as usize);
            }
            at += WINDOW;
        }
        Err(Error::refused("a string without an end", start - 1))
    }

    /// Whether there is a backslash from `start` on and before `end`.
    #[inline(always)]
    pub(super) fn has_backslash(&self, start: usize, end: usize) -> bool {
        let backslashes = window(&self.backslashes, start);
        if end - start > WINDOW {
            return backslashes != 0 || self.has_backslash_far(start + WINDOW, end);
        }
        backslashes & !(u64::MAX << (end - start)) != 0
    }

    #[inline(never)]
    fn has_backslash_far(&self, start: usize, end: usize) -> bool {
        let mut parts = (start..end).step_by(WINDOW);
        parts.any(|start| self.has_backslash(start, end.min(start + WINDOW)))
    }
}

/// So many bits there are at least in a window.
const WINDOW: usize = 57;

/// The bits from a place on, the lowest for the place itself.
#[inline(always)]
fn window(bits: &[u8], at: usize) -> u64 {
    let start = at / 8;
    match bits.get(start..start + 8).and_then(<[u8]>::first_chunk) {
        Some(bits) => u64::from_le_bytes(*bits) >> (at % 8),
        None => 0,
    }
}

/// What is to be known of the blocks before a block.
struct Survey<'a> {
    bytes: &'a [u8],
    /// Where the block starts.
    start: usize,
    /// The quotes of all blocks laid over each other: as many bits are left as there are quotes, give or take an even number.
    quotes: u64,
    /// 1 where the last byte before the block escapes its first, else 0.
    escapes_next: u64,
}

impl Survey<'_> {
    #[inline(always)]
    fn read(
        &mut self,
        block: &[u8; BLOCK],
        quotes: &mut [u8; 8],
        backslashes: &mut [u8; 8],
    ) -> Result<(), Error> {
        let (mut found, rare) = marks(block);
        if rare || self.escapes_next != 0 {
            (found, *backslashes) = self.read_rare(block, found)?;
        }
        *quotes = found.to_le_bytes();
        self.quotes ^= found;
        self.start += BLOCK;
        Ok(())
    }

    /// The quotes that no backslash escapes, and the backslashes.
    #[inline(never)]
    fn read_rare(&mut self, block: &[u8; BLOCK], quotes: u64) -> Result<(u64, [u8; 8]), Error> {
        let backslashes = backslashes(block);
        let escaped = self.escaped(backslashes);
        let mut unusual = escaped & !(quotes | backslashes);
        while unusual != 0 {
            check_escape(self.bytes, self.start + unusual.trailing_zeros() as usize)?;
            unusual &= unusual - 1;
        }
        let quotes = quotes & !escaped;
        match controls(block) {
            0 => Ok((quotes, backslashes.to_le_bytes())),
            controls => match controls & self.strings(quotes) {
                0 => Ok((quotes, backslashes.to_le_bytes())),
                wrong => {
                    let at = self.start + wrong.trailing_zeros() as usize;
                    Err(Error::refused(
                        "a control character in a string: write it as an escape",
                        at,
                    ))
                }
            },
        }
    }

    /// The bytes that one of these backslashes escapes.
    fn escaped(&mut self, backslashes: u64) -> u64 {
        let mut escaped = std::mem::take(&mut self.escapes_next);
        let mut left = backslashes & !escaped;
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

    /// The bytes that these quotes of the block make strings of.
    fn strings(&self, quotes: u64) -> u64 {
        // Each bit becomes the parity of the bits up to it.
        let parity = [1, 2, 4, 8, 16, 32].iter().fold(quotes, |bits, by| bits ^ bits << by);
        if self.quotes.count_ones() % 2 == 1 { !parity } else { parity }
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

/// The quotes of a block, and whether there is anything rarer that matters to strings.
///
/// Not inlined, here and below, lest the compiler mix it with what is around and miss that it is a vector operation.
#[inline(never)]
fn marks(block: &[u8; BLOCK]) -> (u64, bool) {
    let rare = block.map(|byte| (byte == b'\\') | (byte < b' '));
    (bits(block, |byte| byte == b'"'), any(&rare))
}

#[inline(never)]
fn backslashes(block: &[u8; BLOCK]) -> u64 {
    bits(block, |byte| byte == b'\\')
}

#[inline(never)]
fn controls(block: &[u8; BLOCK]) -> u64 {
    if any(&block.map(|byte| byte < b' ')) { bits(block, |byte| byte < b' ') } else { 0 }
}

#[inline(always)]
fn any(found: &[bool; BLOCK]) -> bool {
    found.iter().fold(false, |any, found| any | found)
}

/// A bit for each byte that `is` takes, the lowest for the first.
///
/// Each eight bytes make a row of bits, one a byte, and each row a bit higher than the one before. Laid over each other
/// they make a square of bits that has only to be turned.
#[inline(always)]
fn bits(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let mut marks = *block;
    for (mark, row) in marks.iter_mut().zip(ROWS) {
        *mark = if is(*mark) { row } else { 0 };
    }
    let rows = marks.as_chunks().0.iter();
    let rows = rows.fold(0, |rows, bytes| rows | u128::from_le_bytes(*bytes));
    #[expect(clippy::cast_possible_truncation, reason = "that is how to halve it")]
    turned(rows as u64 | (rows >> 64) as u64)
}

/// The bit of each byte's row.
const ROWS: [u8; BLOCK] = {
    let mut rows = [0; BLOCK];
    let mut byte = 0;
    #[expect(clippy::indexing_slicing, reason = "the compiler itself does it")]
    while byte < BLOCK {
        rows[byte] = 1 << (byte / 8);
        byte += 1;
    }
    rows
};

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
    use super::{BLOCK, bits, marks};

    #[test]
    fn every_byte_is_marked_at_its_place() {
        for place in 0..BLOCK {
            let mut block = [b'x'; BLOCK];
            block[place] = b'"';
            assert_eq!(marks(&block), (1 << place, false));
            assert_eq!(bits(&block, |byte| byte != b'"'), !(1 << place));
            for rare in [b'\\', 0, 0x1F] {
                block[place] = rare;
                assert_eq!(marks(&block), (0, true));
            }
        }
    }
}
