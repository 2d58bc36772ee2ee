//! Judging: which requirements a pod breaks.

use crate::{
    pss::{self, LevelVersion, Minor},
    rules::{Check, Demand, Mode},
};

use super::{Relaxed, Requirement, Violation};

/// What a pod breaks of a level, in the Standard's order. `newest` is what `latest` means.
///
/// Where a control is relaxed that takes another one's place (`capabilities_restricted` that of
/// `capabilities_baseline`), that other one holds again: a relaxation lifts no more than it names.
pub fn controls(asked: LevelVersion, newest: Minor, pod: &Relaxed<'_, '_>) -> Vec<Violation> {
    let version = asked.version.resolve(newest);
    let is_freed = |control| pod.is_freed(Requirement::Control(control));
    pss::in_force(asked.level, version, is_freed)
        .filter_map(|(control, revision)| {
            let requirement = Requirement::Control(control);
            violation(requirement, pod.findings(requirement, revision.check))
        })
        .collect()
}

/// What a pod breaks of the rules that have a mode, in their order.
pub fn rules<'d>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, '_>,
) -> Vec<Violation> {
    let mut violations: Vec<Violation> = Vec::new();
    for demand in demands.into_iter().filter(|demand| demand.mode == mode) {
        let requirement = Requirement::Rule(demand.check.rule());
        let found = pod.findings(requirement, |rest| match &demand.check {
            // What the API server lets a pod ask for depends on the pod as it is.
            check @ Check::UserNamespaces => check.findings(pod.whole()),
            // Images are what they are, whatever is allowed.
            check => check.findings_of(rest, pod.images()),
        });
        // A rule may be asked for by the configuration and by the profile.
        match violations.iter_mut().find(|known| known.requirement == requirement) {
            Some(known) => {
                let new = found.into_iter().filter(|finding| !known.findings.contains(finding));
                let new: Vec<_> = new.collect();
                known.findings.extend(new);
            }
            None => violations.extend(violation(requirement, found)),
        }
    }
    violations
}

fn violation(requirement: Requirement, findings: Vec<pss::Finding>) -> Option<Violation> {
    (!findings.is_empty()).then_some(Violation { requirement, findings })
}
