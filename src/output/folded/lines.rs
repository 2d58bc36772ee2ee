//! What is not judged, and lints: one line each, up to a number of each kind.

use std::io::{self, Write};

use super::more;

/// Lines of each kind.
const MAX_LINES: u64 = 8;

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::output) enum LineKind {
    Unreadable,
    Skipped,
    Lint,
}

/// The lines of all kinds.
#[derive(Default)]
pub(in crate::output) struct Lines {
    unreadable: FirstLines,
    skipped: FirstLines,
    lints: FirstLines,
}

/// The first lines of a kind, and the number of all.
#[derive(Default)]
struct FirstLines {
    first: Vec<String>,
    count: u64,
}

impl Lines {
    pub(in crate::output) fn add(&mut self, kind: LineKind, line: &str) {
        let lines = match kind {
            LineKind::Unreadable => &mut self.unreadable,
            LineKind::Skipped => &mut self.skipped,
            LineKind::Lint => &mut self.lints,
        };
        lines.count += 1;
        if lines.count <= MAX_LINES {
            lines.first.push(line.to_owned());
        }
    }

    /// Writes what could not be read.
    pub(super) fn write_errors(&self, out: &mut impl Write) -> io::Result<()> {
        self.unreadable.write(out)?;
        if self.unreadable.count > 0 { writeln!(out) } else { Ok(()) }
    }

    /// Writes the others.
    pub(super) fn write_others(&self, out: &mut impl Write) -> io::Result<()> {
        self.skipped.write(out)?;
        self.lints.write(out)?;
        if self.skipped.count + self.lints.count > 0 { writeln!(out) } else { Ok(()) }
    }
}

impl FirstLines {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.first.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        match self.count.checked_sub(MAX_LINES) {
            Some(left @ 1..) => writeln!(out, "{}", more(left)),
            _ => Ok(()),
        }
    }
}
