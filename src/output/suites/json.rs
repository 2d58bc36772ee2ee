//! Test results for machines. Field names are an interface, documented in `docs/schema/test-v1.json`. Fields may be
//! added; removing one or changing its meaning needs a new schema.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
};

use policy::findings::Identity;
use serde::Serialize;

use crate::{
    config::Problem,
    output::{destination::To, json::beside},
    policy_test::{Compared, Tested, Tried},
    sanitize,
};

use super::{ShownTraces, SuiteWriter, Total};

const SCHEMA: &str = "portcullis.dev/test/v1";

pub(super) struct JsonResults {
    out: To,
    traces: ShownTraces,
    is_empty: bool,
}

impl SuiteWriter for JsonResults {
    fn add(&mut self, tested: &Tested) -> io::Result<()> {
        self.separate()?;
        sanitize::json::write(&mut self.out, &Suite::of(tested, self.traces))
    }

    fn finish(mut self: Box<Self>, total: Total) -> io::Result<()> {
        if self.is_empty {
            self.separate()?;
        }
        self.out.write_all(b"\n],\"summary\":")?;
        sanitize::json::write(&mut self.out, &total)?;
        self.out.write_all(b"}\n")?;
        self.out.finish()
    }
}

impl JsonResults {
    pub(super) fn new(out: To, traces: ShownTraces) -> Self {
        Self { out, traces, is_empty: true }
    }

    fn separate(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_empty) {
            writeln!(self.out, "{{\"schema\":\"{SCHEMA}\",\"suites\":[")
        } else {
            self.out.write_all(b",\n")
        }
    }
}

#[derive(Serialize)]
struct Suite<'a> {
    file: &'a str,
    /// Null if the file could not be read.
    name: Option<&'a str>,
    cases: Vec<Case<'a>>,
    errors: Vec<Error<'a>>,
}

#[derive(Serialize)]
struct Case<'a> {
    name: &'a str,
    line: u64,
    /// `passed`, `failed` or `error`.
    result: &'static str,
    workloads: Vec<Workload<'a>>,
    /// Expectations without a workload, and workloads without an expectation.
    problems: &'a [String],
    errors: Vec<Error<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Workload<'a> {
    #[serde(flatten)]
    identity: &'a Identity,
    verdict: &'static str,
    level: &'static str,
    /// The resolved version, never `latest`.
    version: String,
    /// Further levels that apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<String>,
    controls: BTreeSet<&'static str>,
    warnings: BTreeSet<&'static str>,
    hardened: &'a BTreeSet<&'static str>,
    differences: Vec<Difference<'a>>,
    /// Empty unless requested.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    trace: &'a [String],
}

#[derive(Serialize)]
struct Difference<'a> {
    field: &'static str,
    expected: &'a BTreeSet<&'static str>,
    found: &'a BTreeSet<&'static str>,
}

#[derive(Serialize)]
struct Error<'a> {
    file: &'a str,
    /// Null if the error concerns the whole file.
    line: Option<u64>,
    error: &'a str,
}

impl<'a> Suite<'a> {
    fn of(tested: &'a Tested, traces: ShownTraces) -> Self {
        let file = &tested.file;
        match &tested.result {
            Ok(ran) => {
                let cases = ran.cases.iter().map(|tried| Case::of(tried, traces)).collect();
                Self { file, name: Some(&ran.name), cases, errors: Vec::new() }
            }
            Err(problems) => {
                let errors = problems.iter().map(Error::of).collect();
                Self { file, name: None, cases: Vec::new(), errors }
            }
        }
    }
}

impl<'a> Case<'a> {
    fn of(tried: &'a Tried, traces: ShownTraces) -> Self {
        let (name, line) = (&tried.case.name, tried.case.line);
        let (workloads, problems, errors) = (Vec::new(), &[][..], Vec::new());
        let case = Self { name, line, result: "passed", workloads, problems, errors };
        match &tried.result {
            Ok(outcome) => {
                let workloads = outcome.workloads.iter();
                Self {
                    result: if outcome.is_passed() { "passed" } else { "failed" },
                    workloads: workloads.map(|compared| Workload::of(compared, traces)).collect(),
                    problems: &outcome.problems,
                    ..case
                }
            }
            Err(problems) => {
                let errors = problems.iter().map(Error::of).collect();
                Self { result: "error", errors, ..case }
            }
        }
    }
}

impl<'a> Workload<'a> {
    fn of(compared: &'a Compared, traces: ShownTraces) -> Self {
        let found = &compared.found;
        let workload = &found.workload;
        let is_traced = traces == ShownTraces::OfAll || !compared.is_as_expected();
        let differences = compared.differences.iter().map(|it| Difference {
            field: it.field,
            expected: &it.expected,
            found: &it.found,
        });
        Self {
            identity: &workload.identity,
            verdict: found.verdict().as_str(),
            level: workload.judged.level().as_str(),
            version: workload.judged.highest().version.to_string(),
            beside: beside(workload.judged),
            controls: found.denied_by(),
            warnings: found.warned_by(),
            hardened: &found.hardened,
            differences: differences.collect(),
            trace: if is_traced { &workload.trace } else { &[] },
        }
    }
}

impl<'a> Error<'a> {
    fn of(problem: &'a Problem) -> Self {
        let line = problem.at.map(|(line, _)| line);
        Self { file: &problem.file, line, error: &problem.text }
    }
}
