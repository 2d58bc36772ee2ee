//! What tests of policies came to: for people, as JSON, as JUnit's XML. Each file is said as soon as it has run,
//! where the form allows it.

mod human;
mod json;
mod junit;

use std::io;

use serde::Serialize;

use crate::suite::Tested;

use super::{Format, Output};

/// The forms that there are.
pub const FORMATS: [Format; 3] = [Format::Human, Format::Json, Format::Junit];

/// Whose traces are said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traces {
    /// Those of workloads that are not as expected.
    OfFailures,
    /// Those of all.
    OfAll,
}

/// What all tests come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Files that were run, or could not be.
    pub files: u64,
    /// Cases in them that passed.
    pub passed: u64,
    /// Cases that did not.
    pub failed: u64,
    /// Files that could not be read and cases that could not be tried.
    pub errors: u64,
}

/// A report of tests in all its forms.
pub struct Suites {
    forms: Vec<Form>,
    total: Total,
}

/// One form and where it goes.
enum Form {
    Human(human::Human),
    Json(json::Json),
    Junit(junit::Junit),
}

impl Suites {
    /// Opens where it goes. Nothing is written yet.
    ///
    /// # Errors
    /// A file that cannot be made, with its name; a form that is none of [`FORMATS`].
    pub fn open(outputs: &[Output], traces: Traces) -> io::Result<Self> {
        let form = |output: &Output| match output.format {
            Format::Human => Ok(Form::Human(human::Human::new(output.open()?, traces))),
            Format::Json => Ok(Form::Json(json::Json::new(output.open()?, traces))),
            Format::Junit => Ok(Form::Junit(junit::Junit::new(output.open()?, traces))),
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

    /// Says what a file came to.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn tell(&mut self, tested: &Tested) -> io::Result<()> {
        self.total.add(tested);
        self.forms.iter_mut().try_for_each(|form| match form {
            Form::Human(form) => form.tell(tested),
            Form::Json(form) => form.tell(tested),
            Form::Junit(form) => {
                form.tell(tested);
                Ok(())
            }
        })
    }

    /// Says what all comes to, and that nothing follows. Files appear now, whole.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn finish(self) -> io::Result<Total> {
        self.forms.into_iter().try_for_each(|form| match form {
            Form::Human(form) => form.finish(self.total),
            Form::Json(form) => form.finish(self.total),
            Form::Junit(form) => form.finish(),
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
