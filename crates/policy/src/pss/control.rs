//! A control of the Standard: its id and level, and its checks by version.

use super::{
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
};

/// One check of the Standard.
#[derive(Debug)]
pub struct Control {
    /// Upstream's id: `capabilities_restricted`.
    pub id: &'static str,
    /// The lowest level that includes it; never privileged.
    pub level: Level,
    /// Why a pod that violates it is wrong, in a few words.
    pub reason: &'static str,
    /// The baseline control that it replaces in restricted, where both are in force.
    pub overrides: Option<&'static str>,
    /// Its checks by version: oldest first, each in force until the next.
    pub revisions: &'static [Revision],
}

/// A version of a control: Kubernetes introduced or changed it there.
#[derive(Debug)]
pub struct Revision {
    /// The first version that it applies to.
    pub since: Minor,
    /// Finds the violations in a pod. Finds nothing if it complies.
    pub check: fn(&Pod<'_>, &mut Findings),
}

impl Control {
    /// The revision in force in a version, if the control exists there.
    pub fn at(&self, version: Minor) -> Option<&'static Revision> {
        self.revisions.iter().rev().find(|revision| revision.since <= version)
    }
}
