//! How the audits go, for whoever watches.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    findings::{Severity, Workload},
    pss::Level,
};

/// How the audits of this replica go.
#[derive(Debug, Default)]
pub struct Status {
    last: Mutex<Option<Last>>,
    totals: Mutex<Totals>,
}

/// What has been counted since the start.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// What was asked of the API server to change, and whether it did.
    pub writes: BTreeMap<(Verb, Outcome), u64>,
    /// What could not be read, or judged.
    pub errors: u64,
}

/// A change of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// It was made, or changed.
    Apply,
    /// It was taken away.
    Delete,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, or nobody answered.
    Failed,
}

/// The last audit that came to its end.
#[derive(Clone, Debug)]
pub struct Last {
    /// When it ended.
    pub at: SystemTime,
    /// How long it took, with all that it wrote.
    pub took: Duration,
    /// What it found.
    pub counts: Counts,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Workloads that are judged, by the level that they meet now and the one that they would meet once hardened.
    pub workloads: BTreeMap<(Level, Level), u64>,
    /// Workloads that break a control, by its id and whether that is enforced.
    pub violations: BTreeMap<(&'static str, Severity), u64>,
    /// Reports that there are to be.
    pub reports: u64,
    /// Workloads that have none because there are too many.
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
    /// The last audit, where this replica leads.
    pub fn last(&self) -> Option<Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn ended(&self, took: Duration, counts: Counts) {
        let last = Last { at: SystemTime::now(), took, counts };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }

    /// Leaves it to another replica to say what there is.
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
