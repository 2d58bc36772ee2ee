//! Places in a text.

use std::sync::Arc;

/// The position of a character in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
    /// The offset in the text, in bytes.
    pub byte: usize,
}

/// A range of characters in one or several lines. The end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first character.
    pub start: Position,
    /// The position after the last character.
    pub end: Position,
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file name; `-` for standard input.
    pub source: Arc<str>,
    /// The range in the source.
    pub region: Region,
}

/// A replacement for a part of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Empty for an insertion.
    pub region: Region,
    /// The new text.
    pub text: String,
}
