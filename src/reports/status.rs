//! Status of the audits, for metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    findings::{Severity, Workload},
    pss::Level,
};

/// Status of this replica's audits.
#[derive(Debug, Default)]
pub struct Status {
    last: Mutex<Option<Last>>,
    totals: Mutex<Totals>,
}

/// Counters since the start of the process.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Writes to the API server, by verb and outcome.
    pub writes: BTreeMap<(Verb, Outcome), u64>,
    /// Objects that could not be read or judged.
    pub errors: u64,
}

/// A write of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Created or changed.
    Apply,
    /// Deleted.
    Delete,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The API server accepted it.
    Done,
    /// The API server rejected it or did not answer.
    Failed,
}

/// The last completed audit.
#[derive(Clone, Debug)]
pub struct Last {
    /// When it ended.
    pub at: SystemTime,
    /// Its duration, including the writes.
    pub took: Duration,
    /// Its results.
    pub counts: Counts,
}

/// Results of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Judged workloads, by the level that they meet now and the level that they would meet once hardened.
    pub workloads: BTreeMap<(Level, Level), u64>,
    /// Workloads that violate a control, by its id and whether it is enforced.
    pub violations: BTreeMap<(&'static str, Severity), u64>,
    /// Number of reports that should exist.
    pub reports: u64,
    /// Workloads without a report because of the limit.
    pub left_out: u64,
}

impl Counts {
    pub(super) fn add(&mut self, workload: &Workload) {
        if workload.exempt.is_some() {
            return;
        }
        let levels = (workload.levels_met.now, workload.levels_met.hardened);
        *self.workloads.entry(levels).or_default() += 1;
        for broken in &workload.violations {
            *self.violations.entry((broken.requirement.id(), broken.severity)).or_default() += 1;
        }
    }
}

impl Status {
    /// The last audit, if this replica leads.
    pub fn last(&self) -> Option<Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counters so far.
    pub fn totals(&self) -> Totals {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn ended(&self, took: Duration, counts: Counts) {
        let last = Last { at: SystemTime::now(), took, counts };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }

    /// Clears the last audit, because another replica now reports it.
    pub(super) fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn failed(&self) {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).errors += 1;
    }

    pub(super) fn wrote(&self, verb: Verb, outcome: Outcome) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        *totals.writes.entry((verb, outcome)).or_default() += 1;
    }
}
