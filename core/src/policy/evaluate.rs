//! Judging: which requirements a pod breaks.

use std::sync::Arc;

use crate::{
    pss::{self, Caps, Control, Findings, Levels, Minor, Pod, Policy, Revision},
    rules::{Check, Demand, Mode},
};

use super::{Relaxed, Requirement, Violation};

/// Judges a pod by levels.
///
/// Where a control is relaxed that takes another one's place (`capabilities_restricted` that of
/// `capabilities_baseline`), that other one holds again: a relaxation lifts no more than it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evaluation<'e, 'p, 'a> {
    /// What `latest` means.
    pub(super) newest: Minor,
    pub(super) pod: &'e Relaxed<'p, 'a>,
    pub(super) caps: Caps,
}

impl Evaluation<'_, '_, '_> {
    /// What the pod breaks of enforce, audit and warn. Modes with the same levels share one evaluation.
    pub(super) fn by_mode(self, levels: &Policy) -> [Vec<Violation>; 3] {
        let Policy { enforce, audit, warn } = levels;
        let shown = [enforce, audit, warn].map(|levels| levels.shown());
        let by_enforce = self.of_shown(shown[0]);
        let by_audit = match shown[1] == shown[0] {
            true => by_enforce.clone(),
            false => self.of_shown(shown[1]),
        };
        let by_warn = match shown[2] {
            levels if levels == shown[0] => by_enforce.clone(),
            levels if levels == shown[1] => by_audit.clone(),
            levels => self.of_shown(levels),
        };
        [
            self.with_replaced(*enforce, by_enforce),
            self.with_replaced(*audit, by_audit),
            self.with_replaced(*warn, by_warn),
        ]
    }

    /// What the pod breaks of these levels, in the Standard's order, each control once.
    pub(super) fn violations(self, levels: Levels) -> Vec<Violation> {
        self.with_replaced(levels, self.of_shown(levels.shown()))
    }

    fn of_shown(&self, levels: Levels) -> Vec<Violation> {
        if let [only] = levels.all() {
            let version = only.version.resolve(self.newest);
            let in_force = pss::in_force(only.level, version, |control| self.is_freed(control));
            return self.broken(in_force);
        }
        let demanded = self.demanded(levels);
        let demanded = demanded.iter().filter(|demanded| demanded.replacement.is_none());
        self.broken(demanded.map(|demanded| (demanded.control, demanded.revision)))
    }

    /// Adds what one level forbids, and another one does not by the control that takes its place there: upstream skips
    /// some restricted controls for Windows. Where that control is broken, it names all there is to set.
    fn with_replaced(&self, levels: Levels, mut violations: Vec<Violation>) -> Vec<Violation> {
        if levels.all().len() < 2 {
            return violations;
        }
        let is_met = |control: &'static Control| {
            let control = Requirement::Control(control);
            violations.iter().all(|violation| violation.requirement != control)
        };
        let demanded = self.demanded(levels);
        let demanded = demanded.iter().filter(|demanded| demanded.replacement.is_some_and(is_met));
        let more = self.broken(demanded.map(|demanded| (demanded.control, demanded.revision)));
        if more.is_empty() {
            return violations;
        }
        for Violation { requirement, findings } in more {
            match violations.iter_mut().find(|known| known.requirement == requirement) {
                Some(known) => {
                    Arc::make_mut(&mut known.findings).merge(Arc::unwrap_or_clone(findings))
                }
                None => violations.push(Violation { requirement, findings }),
            }
        }
        violations.sort_by_key(|violation| violation.requirement.position());
        violations
    }

    /// Every revision of a control that one of the levels has in force, once, in the table's order.
    fn demanded(&self, levels: Levels) -> Vec<Demanded> {
        let pairs = levels.all().iter();
        let pairs = pairs.map(|pair| (pair.level, pair.version.resolve(self.newest)));
        let replacement = |control, (level, version)| {
            pss::replacement(control, level, version, |it| self.is_freed(it))
        };
        let mut all: Vec<Demanded> = Vec::new();
        for control in pss::CONTROLS {
            let begin = all.len();
            for pair in pairs.clone().filter(|pair| control.level <= pair.0) {
                let Some(revision) = control.at(pair.1) else { continue };
                let is_same = |other: &Revision| other.since == revision.since;
                let is_known = all.iter().skip(begin).any(|known| is_same(known.revision));
                if is_known || replacement(control, pair).is_some() {
                    continue;
                }
                let elsewhere =
                    pairs.clone().filter(|other| control.at(other.1).is_some_and(is_same));
                let replacement = elsewhere.clone().find_map(|other| replacement(control, other));
                all.push(Demanded { control, revision, replacement });
            }
        }
        all
    }

    fn is_freed(&self, control: &'static Control) -> bool {
        !self.pod.replaces(Requirement::Control(control))
    }

    fn broken(
        &self,
        checks: impl Iterator<Item = (&'static Control, &'static Revision)>,
    ) -> Vec<Violation> {
        let mut broken: Vec<(Requirement, Findings)> = Vec::new();
        for (control, revision) in checks {
            let requirement = Requirement::Control(control);
            let found = self.pod.findings(requirement, self.caps, revision.check);
            let Some(found) = found.filter(|found| !found.is_empty()) else { continue };
            match broken.last_mut().filter(|(known, _)| *known == requirement) {
                Some((_, all)) => all.merge(found),
                None => broken.push((requirement, found)),
            }
        }
        let broken = broken.into_iter();
        broken.filter_map(|(requirement, found)| violation(requirement, found)).collect()
    }
}

/// A control as one of several levels has it in force.
struct Demanded {
    control: &'static Control,
    revision: &'static Revision,
    /// What takes the place of just this revision in another of the levels.
    replacement: Option<&'static Control>,
}

/// What a pod breaks of the rules that have a mode, in their order.
pub(super) fn rules<'d>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, '_>,
    caps: Caps,
) -> Vec<Violation> {
    rules_by(demands, mode, pod, caps, |check, rest, found| match check {
        // What the API server lets a pod ask for depends on the pod as it is.
        Check::UserNamespaces => check.find(pod.whole(), pod.images(), found),
        // Images are what they are, whatever is allowed.
        check => check.find(rest, pod.images(), found),
    })
}

/// What an update breaks of the rules that have a mode, though it changes neither containers nor images: a resize. What
/// the pod broke before, and no less, is not found again.
pub(super) fn raised<'d>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, '_>,
    old: &Pod<'_>,
    caps: Caps,
) -> Vec<Violation> {
    let demands = demands.into_iter().filter(|demand| demand.check.is_of_resize());
    rules_by(demands, mode, pod, caps, |check, rest, found| check.find_raised(rest, old, found))
}

fn rules_by<'d, 'a>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, 'a>,
    caps: Caps,
    find: impl Fn(&Check, &Pod<'a>, &mut Findings),
) -> Vec<Violation> {
    let mut judged: Vec<(&Check, Findings)> = Vec::new();
    for Demand { check, .. } in demands.into_iter().filter(|demand| demand.mode == mode) {
        // A rule may be asked for by the configuration and by the profile.
        let known = judged.iter().position(|(other, _)| other.rule() == check.rule());
        if known.and_then(|at| judged.get(at)).is_some_and(|(other, _)| *other == check) {
            continue;
        }
        let requirement = Requirement::Rule(check.rule());
        let found = pod.findings(requirement, caps, |rest, found| find(check, rest, found));
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
