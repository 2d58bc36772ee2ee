//! Test results for people: one line per case; for failures, expected beside found and the trace of the decision.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Write as _},
};

use crate::{
    output::{
        destination::To,
        words::{GOOD, PLACE, WRONG, count, counted, visible},
    },
    policy_test::{Compared, Difference, Outcome, Tested, Tried, Verdict},
};

use super::{ShownTraces, SuiteWriter, Total};

pub(super) struct HumanResults {
    out: To,
    traces: ShownTraces,
}

impl SuiteWriter for HumanResults {
    fn add(&mut self, tested: &Tested) -> io::Result<()> {
        let file = visible(&tested.file);
        match &tested.result {
            Ok(ran) => {
                writeln!(self.out, "{PLACE}{file}{PLACE:#}: {}", visible(&ran.name))?;
                for tried in &ran.cases {
                    let lines = case(tried, self.traces);
                    write!(self.out, "{lines}")?;
                }
            }
            Err(problems) => {
                writeln!(self.out, "{PLACE}{file}{PLACE:#}: {WRONG}could not be run{WRONG:#}")?;
                for problem in problems {
                    writeln!(self.out, "  {}", visible(&problem.to_string()))?;
                }
            }
        }
        writeln!(self.out)
    }

    fn finish(mut self: Box<Self>, total: Total) -> io::Result<()> {
        let Total { files, passed, failed, errors } = total;
        let mut parts = vec![format!("{passed} passed")];
        parts.extend(counted([(failed, "failed"), (errors, "could not be run")]));
        let style = if failed == 0 && errors == 0 { GOOD } else { WRONG };
        let cases = count(passed + failed, "case");
        let parts = parts.join(", ");
        writeln!(self.out, "{cases} in {}: {style}{parts}{style:#}", count(files, "file"))?;
        self.out.finish()
    }
}

impl HumanResults {
    pub(super) fn new(out: To, traces: ShownTraces) -> Self {
        Self { out, traces }
    }
}

fn case(tried: &Tried, traces: ShownTraces) -> Lines {
    let mut lines = Lines::default();
    let name = visible(&tried.case.name);
    let line = tried.case.line;
    match &tried.result {
        Ok(outcome) if outcome.is_passed() => lines.add(1, format!("{GOOD}pass{GOOD:#}  {name}")),
        Ok(_) => lines.add(1, format!("{WRONG}FAIL{WRONG:#}  {name} (line {line})")),
        Err(problems) => {
            lines.add(1, format!("{WRONG}ERROR{WRONG:#} {name} (line {line})"));
            problems
                .iter()
                .for_each(|problem| lines.add(4, visible(&problem.to_string()).into_owned()));
        }
    }
    if let Ok(outcome) = &tried.result {
        lines.outcome(outcome, traces);
    }
    lines
}

/// Lines, each with its indentation.
#[derive(Default)]
struct Lines(Vec<(usize, String)>);

impl Lines {
    fn add(&mut self, depth: usize, line: String) {
        self.0.push((depth, line));
    }

    fn outcome(&mut self, outcome: &Outcome, traces: ShownTraces) {
        for problem in &outcome.problems {
            self.add(4, visible(problem).into_owned());
        }
        for compared in &outcome.workloads {
            let workload = &compared.found.workload;
            let is_told = !compared.is_as_expected() || traces == ShownTraces::OfAll;
            if !is_told {
                continue;
            }
            self.add(4, visible(&workload.identity.to_string()).into_owned());
            self.differences(compared);
            self.add(5, "trace".to_owned());
            for line in &workload.trace {
                self.add(6, visible(line).into_owned());
            }
        }
    }

    /// Shows both sides next to each other, so that a missing name leaves a gap.
    fn differences(&mut self, compared: &Compared) {
        let differences = &compared.differences;
        if differences.is_empty() {
            return;
        }
        let expected = differences.iter().flat_map(|difference| &difference.expected);
        let width = expected.map(|id| id.len()).chain(["expected".len()]).max().unwrap_or_default();
        self.add(5, format!("{:<10} {:<width$}  found", "", "expected"));
        for Difference { field, expected, found } in differences {
            let mut field = *field;
            for (expected, found) in rows(expected, found) {
                self.add(5, format!("{field:<10} {expected:<width$}  {found}"));
                field = "";
            }
        }
        let fixes = &compared.found.workload.fixes;
        if compared.found.verdict() == Verdict::Denied && !fixes.is_empty() {
            self.add(5, "fixes".to_owned());
            fixes.iter().for_each(|fix| self.add(6, visible(fix).into_owned()));
        }
    }
}

/// Pairs the names if each side has exactly one; else each name has a row of its own.
fn rows<'n>(expected: &BTreeSet<&'n str>, found: &BTreeSet<&'n str>) -> Vec<(&'n str, &'n str)> {
    if expected.len() == 1 && found.len() == 1 {
        return expected.iter().copied().zip(found.iter().copied()).collect();
    }
    let shown = |ids: &BTreeSet<&'n str>, id| if ids.contains(id) { id } else { "-" };
    expected.union(found).map(|id| (shown(expected, id), shown(found, id))).collect()
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(depth, line)| writeln!(f, "{:1$}{line}", "", depth * 2))
    }
}
