//! JUnit XML for CI servers: one suite per file, one case per workload. A case fails if the workload violates a
//! control.

use std::{collections::BTreeMap, io};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use manifest::{Line, Unreadable};
use policy::findings::{Lint, Namespace, Severity, Summary, Workload};

use super::{
    FormatWriter, Item, Skipped,
    destination::To,
    words::{location_of, place, visible},
};

/// Objects that run in a cluster have no file.
const CLUSTER: &str = "cluster";

pub(super) struct Junit {
    out: To,
    /// Keyed by the name of the file or the namespace.
    suites: BTreeMap<String, TestSuite>,
}

impl Junit {
    pub(super) fn new(out: To) -> Self {
        Self { out, suites: BTreeMap::new() }
    }

    fn workload(&mut self, workload: &Workload) {
        let status = match (workload.exempt, workload.violations.as_slice()) {
            (Some(exemption), _) => {
                let mut skipped = TestCaseStatus::skipped();
                skipped.set_message(format!("exempt: {}", exemption.as_str()));
                skipped
            }
            (None, _) if !workload.is_denied() => TestCaseStatus::success(),
            (None, violations) => {
                let lines = violations.iter().map(|broken| {
                    format!(
                        "{}: {}: {}",
                        broken.requirement.id(),
                        broken.requirement.reason(),
                        broken.message
                    )
                });
                let text = lines.collect::<Vec<_>>().join("\n");
                let reasons: Vec<_> =
                    violations.iter().map(|broken| broken.requirement.reason()).collect();
                let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
                failed.set_message(reasons.join(", "));
                failed.set_type(workload.judged.to_string());
                failed.set_description(match location_of(workload) {
                    Some(place) => format!("{place}\n{text}"),
                    None => text,
                });
                failed
            }
        };
        let suite = match &workload.location {
            Some(location) => location.source.to_string(),
            None => format!("{CLUSTER}/{}", workload.identity.namespace),
        };
        let mut case = TestCase::new(visible(&workload.identity.to_string()).into_owned(), status);
        case.set_classname(workload.judged.to_string());
        self.suite(&suite).add_test_case(case);
    }

    fn lint(&mut self, lint: &Lint) {
        let source = lint.location.as_ref().map(|location| location.source.to_string());
        let name = format!("{}: {}", lint.object, lint.field);
        let source = source.unwrap_or_else(|| format!("{CLUSTER}/{}", lint.object.namespace));
        self.lints(&source, &name, std::slice::from_ref(lint));
    }

    fn namespace(&mut self, namespace: &Namespace) {
        if namespace.lints.is_empty() {
            return;
        }
        let name = &namespace.facts.name;
        self.lints(&format!("{CLUSTER}/{name}"), &format!("Namespace {name}"), &namespace.lints);
    }

    /// A lint is no violation: it becomes the output of a case that succeeds, unless lints are errors.
    fn lints(&mut self, suite: &str, name: &str, lints: &[Lint]) {
        let line = |lint: &Lint| {
            let line = format!("{}: {lint}", lint.rule.id());
            let place = lint.location.as_ref().map(|location| {
                format!("{}: ", place(&location.label(), Some(location.region.start)))
            });
            visible(&format!("{}{line}", place.unwrap_or_default())).into_owned()
        };
        let text = lints.iter().map(line).collect::<Vec<_>>().join("\n");
        let is_error = lints.iter().any(|lint| lint.severity == Severity::Error);
        let status = if is_error {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
            failed.set_message("lint").set_description(text.clone());
            failed
        } else {
            TestCaseStatus::success()
        };
        let mut case = TestCase::new(visible(name).into_owned(), status);
        case.set_classname("lint");
        if !is_error {
            case.set_system_out(text);
        }
        self.suite(suite).add_test_case(case);
    }

    fn not_judged(
        &mut self,
        mut status: TestCaseStatus,
        source: &str,
        line: Option<Line>,
        why: &str,
    ) {
        status.set_message(visible(why).into_owned());
        let name = line.map_or_else(|| "file".to_owned(), |line| format!("line {line}"));
        self.suite(source).add_test_case(TestCase::new(name, status));
    }

    fn suite(&mut self, name: &str) -> &mut TestSuite {
        let name = visible(name).into_owned();
        self.suites.entry(name.clone()).or_insert_with(|| TestSuite::new(name))
    }
}

impl FormatWriter for Junit {
    fn add(&mut self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Workload(workload, _) => self.workload(workload),
            Item::Namespace(namespace) => self.namespace(namespace),
            Item::Lint(lint) => self.lint(lint),
            Item::Change(_) | Item::Ignored => {}
            Item::Unreadable(source, Unreadable { line, why, .. }) => {
                let status = TestCaseStatus::non_success(NonSuccessKind::Error);
                self.not_judged(status, source, *line, why);
            }
            Item::Skipped(Skipped { source, line, why, .. }) => {
                self.not_judged(TestCaseStatus::skipped(), source, line, why);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: &Summary) -> io::Result<()> {
        let mut report = Report::new("portcullis");
        report.add_test_suites(std::mem::take(&mut self.suites).into_values());
        report.serialize(&mut self.out).map_err(io::Error::other)?;
        self.out.finish()
    }
}
