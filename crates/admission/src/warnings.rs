//! The warnings of a response, within the API server's limits. Warnings that do not fit are counted.

use policy::shown::clean;

/// Maximum length of a warning in characters: the API server truncates at 256.
pub(super) const MAX_WARNING: usize = 250;
/// Maximum length of all warnings in characters: the API server drops what exceeds 4,096.
const MAX_WARNINGS: usize = 4000;
/// Room for the line with the number of omitted warnings.
const MORE: usize = 24;

/// Warnings, and how many did not fit.
#[derive(Debug)]
pub(super) struct Warnings {
    lines: Vec<String>,
    room: usize,
    left_out: usize,
}

impl Default for Warnings {
    fn default() -> Self {
        Self { lines: Vec::new(), room: MAX_WARNINGS - MORE, left_out: 0 }
    }
}

impl Warnings {
    pub(super) fn add(&mut self, line: &str) {
        self.left_out += usize::from(!self.takes(line));
    }

    /// Adds a line if it fits. Returns whether it did.
    fn takes(&mut self, line: &str) -> bool {
        let line = clean(line, MAX_WARNING);
        let length = line.chars().count();
        if self.left_out > 0 || length > self.room {
            return false;
        }
        self.room -= length;
        self.lines.push(line);
        true
    }

    /// Appends these lines after others.
    pub(super) fn behind(self, lines: impl Iterator<Item = String>) -> Self {
        let mut all = Self::default();
        lines.chain(self.lines).for_each(|line| all.add(&line));
        all.left_out += self.left_out;
        all
    }

    pub(super) fn into_lines(mut self) -> Vec<String> {
        if self.left_out > 0 {
            self.lines.push(format!("and {} more", self.left_out));
        }
        self.lines
    }
}
