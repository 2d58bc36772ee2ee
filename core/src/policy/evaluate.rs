//! Judging: which requirements a pod breaks.

use std::sync::Arc;

use crate::{
    pss::{self, Caps, Findings, LevelVersion, Minor},
    rules::{Check, Demand, Mode},
};

use super::{Relaxed, Requirement, Violation};

/// What a pod breaks of a level, in the Standard's order. `newest` is what `latest` means.
///
/// Where a control is relaxed that takes another one's place (`capabilities_restricted` that of
/// `capabilities_baseline`), that other one holds again: a relaxation lifts no more than it names.
pub fn controls(
    asked: LevelVersion,
    newest: Minor,
    pod: &Relaxed<'_, '_>,
    caps: Caps,
) -> Vec<Violation> {
    let version = asked.version.resolve(newest);
    let is_freed = |control| pod.is_freed(Requirement::Control(control));
    pss::in_force(asked.level, version, is_freed)
        .filter_map(|(control, revision)| {
            let requirement = Requirement::Control(control);
            violation(requirement, pod.findings(requirement, caps, revision.check)?)
        })
        .collect()
}

/// What a pod breaks of the rules that have a mode, in their order.
pub fn rules<'d>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, '_>,
    caps: Caps,
) -> Vec<Violation> {
    let mut judged: Vec<(&Check, Findings)> = Vec::new();
    for Demand { check, .. } in demands.into_iter().filter(|demand| demand.mode == mode) {
        // A rule may be asked for by the configuration and by the profile.
        let known = judged.iter().position(|(other, _)| other.rule() == check.rule());
        if known.and_then(|at| judged.get(at)).is_some_and(|(other, _)| *other == check) {
            continue;
        }
        let requirement = Requirement::Rule(check.rule());
        let found = pod.findings(requirement, caps, |rest, found| match check {
            // What the API server lets a pod ask for depends on the pod as it is.
            Check::UserNamespaces => check.find(pod.whole(), pod.images(), found),
            // Images are what they are, whatever is allowed.
            check => check.find(rest, pod.images(), found),
        });
        let Some(found) = found.filter(|found| !found.is_empty()) else { continue };
        match known.and_then(|at| judged.get_mut(at)) {
            Some((_, all)) => all.merge(found),
            None => judged.push((check, found)),
        }
    }
    let rule = |(check, found): (&Check, _)| violation(Requirement::Rule(check.rule()), found);
    judged.into_iter().filter_map(rule).collect()
}

fn violation(requirement: Requirement, findings: Findings) -> Option<Violation> {
    (!findings.is_empty()).then(|| Violation { requirement, findings: Arc::new(findings) })
}
