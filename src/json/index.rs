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
        let mut survey = Survey::new(bytes);
        let (blocks, rest) = bytes.as_chunks();
        for block in blocks {
            survey.add(block)?;
        }
        survey.add(&padded(rest))?;
        survey.push(0, 0);
        Ok(survey.index)
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

/// An index up to some block.
struct Survey<'a> {
    bytes: &'a [u8],
    index: Index,
    /// 1 where the last byte so far escapes the next, else 0.
    escapes_next: u64,
    /// The bytes of the index of which the quotes have been counted, and whether the last of them opened a string.
    counted: usize,
    open: bool,
}

impl<'a> Survey<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let size = bytes.len() / 8 + 2 * BLOCK / 8;
        let index = Index {
            quotes: Vec::with_capacity(size),
            backslashes: Vec::with_capacity(size),
        };
        Self { bytes, index, escapes_next: 0, counted: 0, open: false }
    }

    #[inline(always)]
    fn add(&mut self, block: &[u8; BLOCK]) -> Result<(), Error> {
        let (quotes, rare) = marks(block);
        if rare || self.escapes_next != 0 {
            return self.add_rare(block, quotes);
        }
        self.push(quotes, 0);
        Ok(())
    }

    #[inline(always)]
    fn push(&mut self, quotes: u64, backslashes: u64) {
        self.index.quotes.extend_from_slice(&quotes.to_le_bytes());
        self.index.backslashes.extend_from_slice(&backslashes.to_le_bytes());
    }

    #[inline(never)]
    fn add_rare(&mut self, block: &[u8; BLOCK], quotes: u64) -> Result<(), Error> {
        let start = self.index.quotes.len() * 8;
        let backslashes = backslashes(block);
        let escaped = self.escaped(backslashes);
        let mut unusual = escaped & !(quotes | backslashes);
        while unusual != 0 {
            check_escape(self.bytes, start + unusual.trailing_zeros() as usize)?;
            unusual &= unusual - 1;
        }
        let quotes = quotes & !escaped;
        let controls = controls(block);
        if controls != 0 {
            let wrong = controls & self.strings(quotes);
            if wrong != 0 {
                let at = start + wrong.trailing_zeros() as usize;
                return Err(Error::refused("a control character in a string: write it as an escape", at));
            }
        }
        self.push(quotes, backslashes);
        Ok(())
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

    /// The bytes that these quotes make strings of, in the block that comes next.
    fn strings(&mut self, quotes: u64) -> u64 {
        let before = self.index.quotes.get(self.counted..).unwrap_or_default();
        self.counted += before.len();
        // What is left of all of them laid over each other is as odd as their sum.
        let odd = before.iter().fold(0, |odd, quotes| odd ^ quotes).count_ones() % 2 == 1;
        self.open ^= odd;
        // Each bit becomes the parity of the bits up to it.
        let parity = [1, 2, 4, 8, 16, 32].iter().fold(quotes, |bits, by| bits ^ bits << by);
        if self.open { !parity } else { parity }
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
    if any(&block.map(|byte| byte < b' ')) {
        bits(block, |byte| byte < b' ')
    } else {
        0
    }
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
