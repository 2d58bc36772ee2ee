//! Judges manifests offline: which objects of a text the webhook would deny, and where they stand.
//!
//! An object is read by the very view that reads a review's, after the API server's defaulting that matters, so
//! that there is one verdict and not two. It asks no cluster anything and changes no file.

mod defaults;
mod document;
mod human;
mod json;
mod manifest;
mod policy;
mod report;
mod source;
mod verdict;
mod yaml;

use std::{io, thread};

pub use policy::Policy;
pub use report::{Format, Report, Summary};
pub use source::{EXTENSIONS, MAX_TEXT, Source};
pub use verdict::{Broken, Identity, Verdict};

/// What the reader of YAML needs for the deepest document that it takes, in bytes.
const STACK: usize = 32 << 20;

/// A line of a source, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Line(u64);

impl Line {
    /// The first.
    pub const FIRST: Self = Self(1);

    fn after(self, lines: u64) -> Self {
        Self(self.0.saturating_add(lines))
    }

    fn after_newlines(self, text: &[u8]) -> Self {
        let newlines = text.iter().filter(|byte| **byte == b'\n').count();
        self.after(newlines.try_into().unwrap_or(u64::MAX))
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A source, a document or an object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where. None when it is about the source as a whole.
    pub line: Option<Line>,
    /// What is wrong.
    pub why: String,
}

impl Unreadable {
    fn at(line: Line, why: impl Into<String>) -> Self {
        Self { line: Some(line), why: why.into() }
    }
}

/// What became of one object, in the order of the text.
#[derive(Debug)]
pub enum Reading {
    /// It holds a pod, and was judged.
    Judged(Verdict),
    /// It holds none.
    Ignored,
    /// It could not be read.
    Unreadable(Unreadable),
}

/// Judges all sources in their order, and reports each object as soon as it is judged.
///
/// # Errors
/// Where the report could not be written.
pub fn run<W: io::Write + Send>(
    sources: &[Source],
    policy: &Policy,
    report: Report<'_, W>,
) -> io::Result<Summary> {
    // On a stack of its own: how deep a manifest may be must not depend on who calls, or on `ulimit -s`.
    let judged = thread::scope(|scope| {
        let all = || judge_all(sources, policy, report);
        Ok::<_, io::Error>(
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, all)?.join(),
        )
    })?;
    judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn judge_all<W: io::Write>(
    sources: &[Source],
    policy: &Policy,
    mut report: Report<'_, W>,
) -> io::Result<Summary> {
    for source in sources {
        let name = source.to_string();
        match source.read() {
            Ok(text) => judge(&text, policy, |reading| report.tell(&name, reading))?,
            Err(why) => {
                let unreadable = Unreadable { line: None, why };
                report.tell(&name, Reading::Unreadable(unreadable))?;
            }
        }
    }
    report.finish()
}

/// Judges all objects of a text, one after the other. Errors are only those of `tell`.
fn judge(
    text: &[u8],
    policy: &Policy,
    mut tell: impl FnMut(Reading) -> io::Result<()>,
) -> io::Result<()> {
    for document in document::read(text) {
        match document {
            Ok(document) => manifest::read(&document.json, document.line, policy, &mut tell)?,
            Err(unreadable) => tell(Reading::Unreadable(unreadable))?,
        }
    }
    Ok(())
}
