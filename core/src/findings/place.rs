//! Places in a text.

use std::sync::Arc;

/// One character of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Its line, from 1.
    pub line: u64,
    /// Its place in the line, from 1, in characters.
    pub column: u64,
    /// Its offset in the text, in bytes.
    pub byte: usize,
}

/// Some characters in a row, of one line or several. The end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first.
    pub start: Position,
    /// What follows the last.
    pub end: Position,
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as it was named; `-` for standard input.
    pub source: Arc<str>,
    /// Where in it.
    pub region: Region,
}

/// What is to stand in a source instead of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Empty where something is only put in.
    pub region: Region,
    /// The new text.
    pub text: String,
}
