//! Evaluation: the requirements that a pod violates.

use std::sync::Arc;

use crate::{
    exceptions::Relaxed,
    pss::{self, Control, FindingLimits, Findings, Levels, Minor, Pod, Policy, Revision},
    requirement::{Requirement, Violation},
    rules::{Check, Demand, Mode},
};

/// Judges a pod by levels.
///
/// If a relaxed control replaces another one (`capabilities_restricted` replaces `capabilities_baseline`), the other
/// one applies again: a relaxation lifts no more than it names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluation<'e, 'p, 'a> {
    /// The version that `latest` stands for.
    pub(crate) newest: Minor,
    pub(crate) pod: &'e Relaxed<'p, 'a>,
    pub(crate) caps: FindingLimits,
}

impl Evaluation<'_, '_, '_> {
    /// The violations of enforce, audit and warn. Modes with the same levels share one evaluation.
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

    /// The violations of these levels, in the Standard's order, each control once.
    pub(crate) fn violations(self, levels: Levels) -> Vec<Violation> {
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

    /// Adds the violations of a replaced control that its replacement in another level does not report: upstream skips
    /// some restricted controls for Windows. A violated replacement names everything there is to set.
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

    /// Every revision of a control that is in force in one of the levels, without duplicates, in the table's order.
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

/// A control in one of its revisions.
struct Demanded {
    control: &'static Control,
    revision: &'static Revision,
    /// The control that replaces this revision in another of the levels.
    replacement: Option<&'static Control>,
}

/// The violations of the rules with this mode, in their order.
pub(super) fn rules<'d>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, '_>,
    caps: FindingLimits,
) -> Vec<Violation> {
    rules_by(demands, mode, pod, caps, |check, rest, found| match check {
        // The API server's validation depends on the unmodified pod.
        Check::UserNamespaces => check.find(pod.whole(), pod.images(), found),
        // A relaxation does not change images.
        check => check.find(rest, pod.images(), found),
    })
}

/// The rule violations of an update that changes neither containers nor images: a resize. Omits those that the pod had
/// before and that have not increased.
pub(super) fn raised<'d>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, '_>,
    old: &Pod<'_>,
    caps: FindingLimits,
) -> Vec<Violation> {
    let demands = demands.into_iter().filter(|demand| demand.check.is_of_resize());
    rules_by(demands, mode, pod, caps, |check, rest, found| check.find_raised(rest, old, found))
}

fn rules_by<'d, 'a>(
    demands: impl IntoIterator<Item = &'d Demand>,
    mode: Mode,
    pod: &Relaxed<'_, 'a>,
    caps: FindingLimits,
    find: impl Fn(&Check, &Pod<'a>, &mut Findings),
) -> Vec<Violation> {
    let mut judged: Vec<(&Check, Findings)> = Vec::new();
    for Demand { check, .. } in demands.into_iter().filter(|demand| demand.mode == mode) {
        // Both the configuration and the profile may require a rule.
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
