//! The warnings of a response, within what the API server passes on: what has no room is counted, not written.

use super::message::clean;

/// The most characters of one warning: the API server cuts longer ones at 256 without a word.
pub(super) const MAX_WARNING: usize = 250;
/// The most characters of a response's warnings together: the API server drops what is above 4,096.
const MAX_WARNINGS: usize = 4000;
/// For the line that says how many are left out.
const MORE: usize = 24;

/// Lines, and what has no room beside them.
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

    /// Whether there was room for it.
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

    /// The same lines behind others.
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
