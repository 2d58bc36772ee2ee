//! Errors in a configuration, in one line for the person who fixes them.

use std::{fmt, path::Path};

use policy::findings::Position;

/// Maximum number of problems that an error spells out.
const SHOWN: usize = 5;

/// All problems of a configuration. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// In the order of the file; never empty.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn of_file(file: &Path, text: &str) -> Self {
        Self { problems: vec![Problem::new(file, None, text)] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().take(SHOWN).enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// A problem and its location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file name.
    pub file: String,
    /// Line and column, both from 1. None if the problem concerns the whole file.
    pub at: Option<(u64, u64)>,
    /// The problem, and what is allowed. One line.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(file: &Path, at: Option<Position>, text: &str) -> Self {
        let one_line = |text: &str| text.replace(char::is_control, " ");
        Self {
            file: one_line(&file.to_string_lossy()),
            at: at.map(|at| (at.line, at.column)),
            text: one_line(text),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.text)
    }
}
