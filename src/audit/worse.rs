//! Merges findings into the worse of two: of pods that should be alike but are not, or of a template and its running
//! pods. Pure: values in, values out.

use std::{collections::HashSet, sync::Arc};

use policy::{
    findings::{FieldToFix, LevelsMet, ReportedViolation, Workload},
    pss::Control,
    requirement::Requirement,
    verdict::Exemption,
};

/// Maximum number of findings of one requirement over all pods of a workload.
const MAX_FOUND: usize = 1024;
/// Approximate maximum size, in bytes, of the fixes for one requirement.
const MAX_MESSAGE: usize = 16 << 10;

/// Adds the violations of `other`, unless a runtime class exempts it.
pub(super) fn merge(into: &mut Workload, other: Workload) {
    let is_of_class = |judged: &Workload| judged.exempt == Some(Exemption::RuntimeClass);
    match (is_of_class(into), is_of_class(&other)) {
        (true, false) => *into = other,
        (false, true) => {}
        (true, true) | (false, false) => {
            levels_met(&mut into.levels_met, &other.levels_met);
            violations(&mut into.violations, other.violations);
            fixes(&mut into.fixes, other.fixes);
        }
    }
}

fn levels_met(into: &mut LevelsMet, other: &LevelsMet) {
    into.now = into.now.min(other.now);
    into.hardened = into.hardened.min(other.hardened);
    controls(&mut into.baseline, &other.baseline);
    controls(&mut into.restricted, &other.restricted);
}

fn controls(into: &mut Vec<&'static Control>, other: &[&'static Control]) {
    for control in other {
        if !into.iter().any(|known| known.id == control.id) {
            into.push(control);
        }
    }
    into.sort_by_key(|control| Requirement::Control(control).position());
}

fn violations(into: &mut Vec<ReportedViolation>, other: Vec<ReportedViolation>) {
    for broken in other {
        let Some(known) = into.iter_mut().find(|known| known.requirement == broken.requirement)
        else {
            into.push(broken);
            continue;
        };
        if !broken.is_hardened() {
            known.hardening.clear();
        }
        known.mode = known.mode.max(broken.mode);
        known.severity = known.severity.max(broken.severity);
        add(known, broken);
    }
    into.sort_by_key(|broken| broken.requirement.position());
}

fn add(known: &mut ReportedViolation, broken: ReportedViolation) {
    // Keyed by the container's name, since injected containers shift the indices.
    let key = |found: &FieldToFix| (Arc::clone(&found.place), found.fix.clone());
    let mut seen: HashSet<_> = known.found.iter().map(key).collect();
    known.more = known.more.max(broken.more);
    for found in broken.found.into_iter().filter(|found| seen.insert(key(found))) {
        if known.found.len() >= MAX_FOUND {
            known.more += 1;
            continue;
        }
        if known.message.len() < MAX_MESSAGE {
            known.message.push_str(&format!("; {}: {}", found.place, found.fix));
        }
        known.found.push(found);
    }
}

fn fixes(into: &mut Vec<String>, other: Vec<String>) {
    let known: HashSet<_> = into.iter().cloned().collect();
    let new = other.into_iter().filter(|fix| !known.contains(fix));
    let room = MAX_FOUND.saturating_sub(into.len());
    into.extend(new.take(room));
}
