//! What is wrong with a configuration, in one line for the person who must fix it.

use std::{fmt, path::Path};

use crate::findings::Position;

/// How many problems an error spells out.
const SHOWN: usize = 5;

/// All that is wrong with a configuration. Its text is one line.
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

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// Line and column, both from 1. None when it is about the file as a whole.
    pub at: Option<(u64, u64)>,
    /// What is wrong, and what is allowed. One line.
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
