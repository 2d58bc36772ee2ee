//! Test results as JUnit XML: one suite per file, one case per case.

use std::io;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{
    config::Problem,
    output::{destination::To, words::visible},
    policy_test::{Outcome, Tested, Tried},
};

use super::{ShownTraces, SuiteWriter, Total};

pub(super) struct JunitResults {
    out: To,
    traces: ShownTraces,
    report: Report,
}

impl SuiteWriter for JunitResults {
    fn add(&mut self, tested: &Tested) -> io::Result<()> {
        let mut suite = TestSuite::new(visible(&tested.file).into_owned());
        match &tested.result {
            Ok(ran) => {
                for tried in &ran.cases {
                    let mut case = self.case(tried);
                    case.set_classname(visible(&ran.name).into_owned());
                    suite.add_test_case(case);
                }
            }
            Err(problems) => {
                suite.add_test_case(TestCase::new("file", error(problems)));
            }
        }
        self.report.add_test_suite(suite);
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: Total) -> io::Result<()> {
        self.report.serialize(&mut self.out).map_err(io::Error::other)?;
        self.out.finish()
    }
}

impl JunitResults {
    pub(super) fn new(out: To, traces: ShownTraces) -> Self {
        Self { out, traces, report: Report::new("portcullis") }
    }

    fn case(&self, tried: &Tried) -> TestCase {
        let name = visible(&tried.case.name).into_owned();
        match &tried.result {
            Ok(outcome) if outcome.is_passed() => {
                let mut case = TestCase::new(name, TestCaseStatus::success());
                if self.traces == ShownTraces::OfAll {
                    case.set_system_out(traces(outcome).join("\n"));
                }
                case
            }
            Ok(outcome) => TestCase::new(name, failure(outcome, tried.case.line)),
            Err(problems) => TestCase::new(name, error(problems)),
        }
    }
}

fn failure(outcome: &Outcome, line: u64) -> TestCaseStatus {
    let differences = outcome.workloads.iter().flat_map(|compared| {
        let workload = &compared.found.workload.identity;
        compared.differences.iter().map(move |difference| format!("{workload}: {difference}"))
    });
    let lines: Vec<_> = outcome.problems.iter().cloned().chain(differences).collect();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(visible(&lines.join("; ")).into_owned());
    status.set_type("unexpected");
    let mut text = vec![format!("line {line}")];
    text.extend(lines.iter().map(|line| visible(line).into_owned()));
    text.extend(traces(outcome));
    status.set_description(text.join("\n"));
    status
}

fn traces(outcome: &Outcome) -> Vec<String> {
    let traces = outcome.workloads.iter().flat_map(|compared| {
        let workload = &compared.found.workload;
        let lines = workload.trace.iter().map(|line| format!("  {}", visible(line)));
        std::iter::once(format!("trace of {}", visible(&workload.identity.to_string())))
            .chain(lines)
    });
    traces.collect()
}

fn error(problems: &[Problem]) -> TestCaseStatus {
    let lines: Vec<_> =
        problems.iter().map(|problem| visible(&problem.to_string()).into_owned()).collect();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(lines.join("; "));
    status.set_type("error");
    status
}
