//! Where the strings of a text end, found 64 bytes at a time before anything is read.
//!
//! Reading meets the quotes of a text in order, so that the end of a string is a few instructions away, however long it
//! is, and does not wait for what comes before it.

use wide::u8x16;

use super::error::Error;

const BLOCK: usize = 64;

/// So many bits are at least in eight bytes, wherever in the first of them they start.
pub(super) const WINDOW: usize = 57;

/// What is in a text, a bit a byte, the lowest for the first.
pub(super) struct Index {
    /// The quotes that no backslash escapes.
    quotes: Vec<u64>,
    /// As bytes, of which some more of nothing follow.
    backslashes: Vec<u8>,
}

impl Index {
    /// Also refuses wrong escapes, wherever they are, and control characters between two quotes.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Error> {
        let (blocks, rest) = bytes.as_chunks();
        let size = blocks.len() + 2;
        let mut index = Self { quotes: vec![0; size], backslashes: vec![0; size * 8] };
        let places = index.quotes.iter_mut();
        let mut places = places.zip(index.backslashes.as_chunks_mut().0);
        let mut survey = Survey { bytes, start: 0, quotes: 0, escapes_next: 0 };
        for (block, (quotes, backslashes)) in blocks.iter().zip(&mut places) {
            *quotes = survey.read(block, backslashes)?;
        }
        if let Some((quotes, backslashes)) = places.next() {
            *quotes = survey.read(&padded(rest), backslashes)?;
        }
        Ok(index)
    }

    /// The quotes that `passed` has not passed.
    #[inline(always)]
    pub(super) fn quotes(&self, passed: Passed) -> Quotes<'_> {
        Quotes { words: &self.quotes, passed }
    }

    /// Whether there is a backslash in the `length` bytes, at most [`WINDOW`], from `start`.
    #[inline(always)]
    pub(super) fn has_backslash(&self, start: usize, length: usize) -> bool {
        let (byte, bit) = (start / 8, start % 8);
        let window = self.backslashes.get(byte..byte + 8).and_then(<[u8]>::first_chunk);
        let window = window.map_or(0, |bytes| u64::from_le_bytes(*bytes) >> bit);
        window & !(u64::MAX << length) != 0
    }
}

/// How many quotes have been passed over, in terms of the words of an index.
#[derive(Clone, Copy)]
pub(super) struct Passed {
    word: usize,
    /// The quotes of that word that have not been.
    left: u64,
}

impl Passed {
    /// No word has been looked into, so that the next is the first.
    pub(super) const NONE: Self = Self { word: usize::MAX, left: 0 };
}

/// The quotes of a text in turn.
///
/// Whoever reads passes over no quote but as part of a string, so that the next quote here is always the next there.
pub(super) struct Quotes<'a> {
    words: &'a [u64],
    pub(super) passed: Passed,
}

impl Quotes<'_> {
    /// Where the closing quote is of the string whose opening quote is at `opening`; none where there is none.
    #[inline(always)]
    pub(super) fn closing(&mut self, opening: usize) -> Option<usize> {
        if self.next()? != opening {
            return None;
        }
        self.next()
    }

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let Passed { word, left } = &mut self.passed;
        while *left == 0 {
            *word = word.wrapping_add(1);
            *left = *self.words.get(*word)?;
        }
        let at = *word * BLOCK + left.trailing_zeros() as usize;
        *left &= *left - 1;
        Some(at)
    }
}

/// What is to be known of the blocks before a block.
struct Survey<'a> {
    bytes: &'a [u8],
    /// Where the block starts.
    start: usize,
    /// The quotes of all blocks laid over each other: the number of bits left is as odd as that of the quotes.
    quotes: u64,
    /// 1 where the last byte before the block escapes its first, else 0.
    escapes_next: u64,
}

impl Survey<'_> {
    /// The quotes of the next block that no backslash escapes; its backslashes go to where there are none so far.
    #[inline(always)]
    fn read(&mut self, block: &[u8; BLOCK], backslashes: &mut [u8; 8]) -> Result<u64, Error> {
        let marks = Marks::of(block);
        let mut quotes = marks.quotes;
        if marks.are_rare() || self.escapes_next != 0 {
            quotes = self.read_rare(marks)?;
            *backslashes = marks.backslashes.to_le_bytes();
        }
        self.quotes ^= quotes;
        self.start += BLOCK;
        Ok(quotes)
    }

    /// The quotes that no backslash escapes.
    #[inline(never)]
    fn read_rare(&mut self, marks: Marks) -> Result<u64, Error> {
        let Marks { quotes, backslashes, controls } = marks;
        let escaped = self.escaped(backslashes);
        let mut unusual = escaped & !(quotes | backslashes);
        while unusual != 0 {
            check_escape(self.bytes, self.start + unusual.trailing_zeros() as usize)?;
            unusual &= unusual - 1;
        }
        let quotes = quotes & !escaped;
        if controls != 0 {
            let wrong = controls & self.strings(quotes);
            if wrong != 0 {
                let at = self.start + wrong.trailing_zeros() as usize;
                let why = "a control character in a string: write it as an escape";
                return Err(Error::refused(why, at));
            }
        }
        Ok(quotes)
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

/// What of a block matters to strings, a bit a byte, the lowest for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    quotes: u64,
    backslashes: u64,
    /// Those that strings must not hold.
    controls: u64,
}

impl Marks {
    #[inline(always)]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut marks = Self { quotes: 0, backslashes: 0, controls: 0 };
        for (lanes, bytes) in block.as_chunks().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let bits = |found: u8x16| u64::from(found.to_bitmask()) << (lanes * 16);
            marks.quotes |= bits(bytes.simd_eq(u8x16::splat(b'"')));
            marks.backslashes |= bits(bytes.simd_eq(u8x16::splat(b'\\')));
            marks.controls |= bits(bytes.simd_eq(bytes.min(u8x16::splat(0x1F))));
        }
        marks
    }

    fn are_rare(self) -> bool {
        self.backslashes | self.controls != 0
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Marks};

    #[test]
    fn every_byte_is_marked_at_its_place() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let mut block = [b'x'; BLOCK];
                block[place] = byte;
                let bit = |is: bool| u64::from(is) << place;
                let marks = Marks {
                    quotes: bit(byte == b'"'),
                    backslashes: bit(byte == b'\\'),
                    controls: bit(byte < b' '),
                };
                assert_eq!(Marks::of(&block), marks, "{byte} at {place}");
            }
        }
    }
}
