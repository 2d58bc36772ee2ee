//! The policy that a report of manifests names: one for all, or those of the namespaces.

use policy::{
    findings::Workload,
    pss::{LevelVersion, Levels},
};

use super::About;

/// The policy of a run, and whether all workloads are judged by it.
pub(super) struct JudgedBy {
    judged: Levels,
    asked: Levels,
    is_one: bool,
}

impl JudgedBy {
    /// None for a report of a cluster, in which each namespace has its own policy.
    pub(super) fn of(about: About<'_>) -> Option<Self> {
        let About::Manifests(policy) = about else { return None };
        let judged_policy = policy.judged_policy("");
        Some(Self { judged: judged_policy.judged(), asked: judged_policy.asked, is_one: true })
    }

    /// Adds a workload, which may be judged by the policy of its namespace.
    pub(super) fn add(&mut self, workload: &Workload) {
        self.is_one &= workload.exempt.is_some() || workload.judged == self.judged;
    }

    /// The levels, if they are those of all workloads.
    pub(super) fn levels(&self) -> Option<Levels> {
        self.is_one.then_some(self.judged)
    }

    /// The version that was asked for, such as `latest`, if it is another one.
    pub(super) fn asked(&self) -> Option<LevelVersion> {
        (self.judged != self.asked).then(|| self.asked.highest())
    }
}
