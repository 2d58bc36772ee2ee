//! Results of policy tests: for people, as JSON, as JUnit XML. A format that can stream writes each file's results as
//! soon as the file has run.

mod human;
mod json;
mod junit;

use std::io;

use serde::Serialize;

use crate::suite::Tested;

use super::{Format, Output};

/// The supported formats.
pub const FORMATS: [Format; 3] = [Format::Human, Format::Json, Format::Junit];

/// Which traces are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traces {
    /// Those of cases that fail.
    OfFailures,
    /// All of them.
    OfAll,
}

/// Totals of all tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Number of files, including those that could not be run.
    pub files: u64,
    /// Number of cases that passed.
    pub passed: u64,
    /// Number of cases that failed.
    pub failed: u64,
    /// Number of files that could not be read and cases that could not be run.
    pub errors: u64,
}

/// Test results in all requested formats.
pub struct Suites {
    forms: Vec<FormatWriter>,
    total: Total,
}

/// One format and its destination.
enum FormatWriter {
    Human(human::Human),
    Json(json::Json),
    Junit(junit::Junit),
}

impl Suites {
    /// Opens the destinations. Writes nothing yet.
    ///
    /// # Errors
    /// A file that cannot be created, with its name; a format not in [`FORMATS`].
    pub fn open(outputs: &[Output], traces: Traces) -> io::Result<Self> {
        let form = |output: &Output| match output.format {
            Format::Human => Ok(FormatWriter::Human(human::Human::new(output.open()?, traces))),
            Format::Json => Ok(FormatWriter::Json(json::Json::new(output.open()?, traces))),
            Format::Junit => Ok(FormatWriter::Junit(junit::Junit::new(output.open()?, traces))),
            Format::Concise
            | Format::Jsonl
            | Format::Yaml
            | Format::Sarif
            | Format::Github
            | Format::Html => Err(io::Error::other(format!("tests are not reported as {output}"))),
        };
        let forms = outputs.iter().map(form).collect::<io::Result<_>>()?;
        Ok(Self { forms, total: Total::default() })
    }

    /// Writes the results of one file.
    ///
    /// # Errors
    /// A failed write.
    pub fn add(&mut self, tested: &Tested) -> io::Result<()> {
        self.total.add(tested);
        self.forms.iter_mut().try_for_each(|form| match form {
            FormatWriter::Human(form) => form.add(tested),
            FormatWriter::Json(form) => form.add(tested),
            FormatWriter::Junit(form) => {
                form.add(tested);
                Ok(())
            }
        })
    }

    /// Writes the totals and ends the report. Files appear only now, complete.
    ///
    /// # Errors
    /// A failed write.
    pub fn finish(self) -> io::Result<Total> {
        self.forms.into_iter().try_for_each(|form| match form {
            FormatWriter::Human(form) => form.finish(self.total),
            FormatWriter::Json(form) => form.finish(self.total),
            FormatWriter::Junit(form) => form.finish(),
        })?;
        Ok(self.total)
    }
}

impl Total {
    fn add(&mut self, tested: &Tested) {
        self.files += 1;
        let Ok(ran) = &tested.result else {
            self.errors += 1;
            return;
        };
        for tried in &ran.cases {
            match &tried.result {
                Ok(outcome) if outcome.is_passed() => self.passed += 1,
                Ok(_) => self.failed += 1,
                Err(_) => self.errors += 1,
            }
        }
    }
}
