//! The totals of a report.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::pss::Level;

use super::{Lint, Severity, Workload};

/// Numbers of judged objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Objects that contain a pod.
    pub objects: u64,
    /// Objects that the configuration exempts.
    pub exempt: u64,
    /// Objects that violate the level, or an enforced rule.
    pub violating: u64,
    /// Objects with a violation that makes the command fail.
    pub failing: u64,
    /// Violated controls, summed over objects.
    pub violations: u64,
    /// Violations that hardening would fix.
    pub hardenable: u64,
    /// Those that the `harden` command fixes in the manifests.
    pub fixable: u64,
    /// Objects without a pod.
    pub ignored: u64,
    /// Files, documents and objects that could not be read.
    pub unreadable: u64,
    /// Files and documents that are not judged, although nothing is wrong with them.
    pub skipped: u64,
    /// Of these, the objects with containers in a place that is not known, by kind: `Fleet.example.org`.
    pub unjudged: BTreeMap<String, u64>,
    /// Settings without effect.
    pub lints: u64,
    /// Those that make the command fail.
    #[serde(skip)]
    pub failing_lints: u64,
    /// The judged objects, by the highest level that they meet now.
    pub now: LevelCounts,
    /// The same after hardening.
    pub hardened: LevelCounts,
}

/// Objects by the highest level that they meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LevelCounts {
    /// Objects that do not even meet baseline.
    pub privileged: u64,
    /// Objects that meet baseline but not restricted.
    pub baseline: u64,
    /// Objects that meet restricted.
    pub restricted: u64,
}

impl Summary {
    /// Counts a workload.
    pub fn add(&mut self, workload: &Workload) {
        let violations = &workload.violations;
        self.objects += 1;
        self.violating += u64::from(workload.is_denied());
        self.failing += u64::from(workload.fails());
        self.violations += violations.len() as u64;
        let hardenable = violations.iter().filter(|broken| broken.is_hardened()).count() as u64;
        self.hardenable += hardenable;
        self.fixable += if workload.is_editable { hardenable } else { 0 };
        if workload.exempt.is_some() {
            self.exempt += 1;
        } else {
            self.now.add(workload.levels_met.now);
            self.hardened.add(workload.levels_met.hardened);
        }
    }
}

impl Summary {
    /// Counts a lint.
    pub fn add_lint(&mut self, lint: &Lint) {
        self.lints += 1;
        self.failing_lints += u64::from(lint.severity == Severity::Error);
    }
}

impl LevelCounts {
    fn add(&mut self, level: Level) {
        *match level {
            Level::Privileged => &mut self.privileged,
            Level::Baseline => &mut self.baseline,
            Level::Restricted => &mut self.restricted,
        } += 1;
    }
}
