//! Results of policy tests: for people, as JSON, as JUnit XML. A format that can stream writes each file's results as
//! soon as the file has run.

mod human;
mod json;
mod junit;

use std::io;

use serde::Serialize;

use crate::policy_test::Tested;

use super::{Format, Output};

pub(crate) const FORMATS: [Format; 3] = [Format::Human, Format::Json, Format::Junit];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShownTraces {
    OfFailures,
    OfAll,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Total {
    /// Number of files, including those that could not be run.
    pub(crate) files: u64,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Number of files that could not be read and cases that could not be run.
    pub(crate) errors: u64,
}

/// Test results in all requested formats.
pub(crate) struct Suites {
    writers: Vec<Box<dyn SuiteWriter>>,
    total: Total,
}

/// A format with its destination.
trait SuiteWriter: Send {
    fn add(&mut self, tested: &Tested) -> io::Result<()>;

    fn finish(self: Box<Self>, total: Total) -> io::Result<()>;
}

impl Suites {
    /// Opens the destinations. Writes nothing yet.
    pub(crate) fn open(outputs: &[Output], traces: ShownTraces) -> io::Result<Self> {
        let writer = |output: &Output| -> io::Result<Box<dyn SuiteWriter>> {
            let out = output.open()?;
            Ok(match output.format {
                Format::Human => Box::new(human::HumanResults::new(out, traces)),
                Format::Json => Box::new(json::JsonResults::new(out, traces)),
                Format::Junit => Box::new(junit::JunitResults::new(out, traces)),
                _ => return Err(io::Error::other(format!("tests are not reported as {output}"))),
            })
        };
        let writers = outputs.iter().map(writer).collect::<io::Result<_>>()?;
        Ok(Self { writers, total: Total::default() })
    }

    /// Writes the results of one file.
    pub(crate) fn add(&mut self, tested: &Tested) -> io::Result<()> {
        self.total.add(tested);
        self.writers.iter_mut().try_for_each(|writer| writer.add(tested))
    }

    /// Writes the totals and ends the report. Files appear only now, complete.
    pub(crate) fn finish(self) -> io::Result<Total> {
        self.writers.into_iter().try_for_each(|writer| writer.finish(self.total))?;
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
