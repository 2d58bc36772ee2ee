//! What is said of the objects, in one of three forms, and what it comes to.

use std::io::{self, Write};

use serde::Serialize;

use super::{Policy, Reading, Verdict, human, json};

/// How it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: what is wrong and what to set, nothing of what is clean, one line in the end
    Human,
    /// One JSON document: every object under `results`, and a `summary`
    Json,
    /// One line of JSON an object, in the order of the input
    Jsonl,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Objects that hold a pod.
    pub objects: u64,
    /// Of them, those that the configuration exempts.
    pub exempt: u64,
    /// Of them, those that break the level.
    pub violating: u64,
    /// Controls broken, object by object.
    pub violations: u64,
    /// Objects that hold none.
    pub ignored: u64,
    /// Files, documents and objects that could not be read.
    pub unreadable: u64,
}

/// A report as it is written.
pub struct Report<'p, W> {
    out: W,
    format: Format,
    policy: &'p Policy,
    summary: Summary,
    is_empty: bool,
}

impl<'p, W: Write> Report<'p, W> {
    /// Nothing is written yet.
    pub fn new(out: W, format: Format, policy: &'p Policy) -> Self {
        Self { out, format, policy, summary: Summary::default(), is_empty: true }
    }

    /// Tells of an object of a source.
    pub(super) fn tell(&mut self, source: &str, reading: Reading) -> io::Result<()> {
        match reading {
            Reading::Ignored => {
                self.summary.ignored += 1;
                Ok(())
            }
            Reading::Judged(verdict) => {
                self.summary.add(&verdict);
                match self.format {
                    Format::Human => human::verdict(&mut self.out, source, &verdict, self.policy),
                    Format::Json | Format::Jsonl => {
                        self.row(&json::Row::of_verdict(source, &verdict, self.policy))
                    }
                }
            }
            Reading::Unreadable(unreadable) => {
                self.summary.unreadable += 1;
                match self.format {
                    Format::Human => human::unreadable(&mut self.out, source, &unreadable),
                    Format::Json | Format::Jsonl => {
                        self.row(&json::Row::of_unreadable(source, &unreadable))
                    }
                }
            }
        }
    }

    fn row(&mut self, row: &json::Row<'_>) -> io::Result<()> {
        if self.format == Format::Json {
            let before: &[u8] = if self.is_empty { b"{\"results\":[\n" } else { b",\n" };
            self.out.write_all(before)?;
            self.is_empty = false;
        }
        serde_json::to_writer(&mut self.out, row)?;
        if self.format == Format::Jsonl { self.out.write_all(b"\n") } else { Ok(()) }
    }

    /// Says what it comes to, and that nothing follows.
    pub(super) fn finish(mut self) -> io::Result<Summary> {
        match self.format {
            Format::Human => human::summary(&mut self.out, &self.summary, self.policy)?,
            Format::Json => {
                let before: &[u8] = if self.is_empty { b"{\"results\":[" } else { b"\n" };
                self.out.write_all(before)?;
                self.out.write_all(b"],\"summary\":")?;
                serde_json::to_writer(&mut self.out, &json::Total::of(&self.summary, self.policy))?;
                self.out.write_all(b"}\n")?;
            }
            Format::Jsonl => {}
        }
        self.out.flush()?;
        Ok(self.summary)
    }
}

impl Summary {
    fn add(&mut self, verdict: &Verdict) {
        let violations = verdict.violations.len();
        self.objects += 1;
        self.exempt += u64::from(verdict.exempt.is_some());
        self.violating += u64::from(violations > 0);
        self.violations += violations as u64;
    }
}
