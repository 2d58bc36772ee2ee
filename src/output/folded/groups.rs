//! Violations by requirement.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, Write},
};

use unicode_width::UnicodeWidthStr as _;

use policy::{
    findings::{ReportedViolation, Severity, Workload},
    pss::Level,
    requirement::Requirement,
};

use crate::output::{
    table,
    words::{ASIDE, WRONG, place_of, visible},
};

use super::{fit, more};

/// Requirements that have an example. The table has more.
const MAX_EXAMPLES: usize = 12;
/// Rows of the table.
const MAX_ROWS: usize = 20;

/// The violated requirements by their ids.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<&'static str, Group>);

/// The violations of one requirement.
struct Group {
    requirement: Requirement,
    /// The highest severity.
    severity: Severity,
    workloads: u64,
    hardenable: u64,
    example: Example,
}

/// The first violation.
struct Example {
    object: String,
    place: Option<String>,
    fix: String,
}

impl Groups {
    pub(super) fn add(&mut self, workload: &Workload, broken: &ReportedViolation) {
        let group = self.0.entry(broken.requirement.id()).or_insert_with(|| Group {
            requirement: broken.requirement,
            severity: broken.severity,
            workloads: 0,
            hardenable: 0,
            example: Example::new(workload, broken),
        });
        if broken.severity > group.severity {
            (group.severity, group.example) = (broken.severity, Example::new(workload, broken));
        }
        group.workloads += 1;
        group.hardenable += u64::from(broken.is_hardened());
    }

    /// The worst first: errors before warnings, baseline before restricted, then by the number of workloads.
    fn worst_first(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.0.values().collect();
        groups.sort_by_key(|group| {
            let level = group.requirement.level();
            (Reverse(group.severity), level != Some(Level::Baseline), Reverse(group.workloads))
        });
        groups
    }

    /// Writes two lines for each requirement: the first object that violates it, and what to set there.
    pub(super) fn write(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        for group in self.worst_first().into_iter().take(MAX_EXAMPLES) {
            group.write(out, width)?;
        }
        match self.0.len().checked_sub(MAX_EXAMPLES) {
            Some(left @ 1..) => writeln!(out, "{}", more(left as u64)),
            _ => Ok(()),
        }
    }

    /// A row for each requirement.
    pub(super) fn table(&self) -> String {
        let rows = self.worst_first().into_iter().take(MAX_ROWS).map(|group| {
            let Group { requirement, workloads, hardenable, .. } = group;
            let (id, origin) = (requirement.id().to_owned(), requirement.origin().to_owned());
            [id, origin, workloads.to_string(), format!("{hardenable}/{workloads}")]
        });
        let table = table::plain(["CONTROL", "LEVEL", "WORKLOADS", "HARDENABLE"], rows);
        match self.0.len().checked_sub(MAX_ROWS) {
            Some(left @ 1..) => format!("{table}\n{}", more(left as u64)),
            _ => table,
        }
    }
}

impl Group {
    fn write(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        let (style, word) = match self.severity {
            Severity::Error => (WRONG, "error"),
            _ => (ASIDE, "warning"),
        };
        let title = format!("{word}[{}]", self.requirement.id());
        let Example { object, place, fix } = &self.example;
        let more = if self.workloads > 1 { more(self.workloads - 1) } else { String::new() };
        let what = format!(": {}: {object}", self.requirement.reason());
        let what = fit::start(&what, width.saturating_sub(title.width() + more.width()));
        writeln!(out, "{style}{title}{style:#}{what}{more}")?;
        let place = place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
        writeln!(out, "{}", fit::start(&format!(" --> {place}{fix}"), width))
    }
}

impl Example {
    fn new(workload: &Workload, broken: &ReportedViolation) -> Self {
        Self {
            object: visible(&workload.identity.to_string()).into_owned(),
            place: place_of(workload, broken),
            fix: visible(&broken.message).into_owned(),
        }
    }
}
