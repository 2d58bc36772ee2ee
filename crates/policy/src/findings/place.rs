//! Places in a text.

use std::{borrow::Cow, sync::Arc};

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
    /// The range of lines.
    pub region: Region,
    /// Where these lines are.
    pub lines: LinesOf,
}

/// Where the lines of a place are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinesOf {
    /// In the source itself.
    Source,
    /// In what another program makes of the source, such as a template.
    Rendering,
}

impl Location {
    /// The region in the source itself, or else the words ` (rendered line 12)`.
    pub fn region_or_note(&self, region: Region) -> (Option<Region>, String) {
        match self.lines {
            LinesOf::Source => (Some(region), String::new()),
            LinesOf::Rendering => (None, format!(" (rendered line {})", region.start.line)),
        }
    }

    /// The source as it is named before a line: lines of a rendering are not those of the source.
    pub fn label(&self) -> Cow<'_, str> {
        match self.lines {
            LinesOf::Source => Cow::Borrowed(&self.source),
            LinesOf::Rendering => format!("{} (rendered)", self.source).into(),
        }
    }
}

/// A replacement for a part of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Empty for an insertion.
    pub region: Region,
    /// The new text.
    pub text: String,
}
