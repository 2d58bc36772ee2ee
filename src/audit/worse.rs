//! The worse of two findings: of pods that should be alike and are not, or of a template and what runs of it.
//! Pure: values in, values out.

use crate::{
    admission::Exemption,
    findings::{Broken, Found, Ladder, Workload},
    policy::Requirement,
    pss::Control,
};

/// Adds what the other one breaks. What a runtime class exempts adds nothing.
pub(super) fn merge(into: &mut Workload, other: Workload) {
    let is_of_class = |judged: &Workload| judged.exempt == Some(Exemption::RuntimeClass);
    match (is_of_class(into), is_of_class(&other)) {
        (true, false) => *into = other,
        (false, true) => {}
        (true, true) | (false, false) => {
            ladder(&mut into.ladder, &other.ladder);
            violations(&mut into.violations, other.violations);
            for fix in other.fixes {
                if !into.fixes.contains(&fix) {
                    into.fixes.push(fix);
                }
            }
        }
    }
}

fn ladder(into: &mut Ladder, other: &Ladder) {
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

fn violations(into: &mut Vec<Broken>, other: Vec<Broken>) {
    for broken in other {
        let Some(known) = into.iter_mut().find(|known| known.requirement == broken.requirement)
        else {
            into.push(broken);
            continue;
        };
        if !broken.is_hardened() {
            known.hardening.clear();
        }
        known.severity = known.severity.max(broken.severity);
        for found in broken.found {
            // By the container's name: what was injected into pods moves their indices.
            let is_known = |other: &Found| other.place == found.place && other.fix == found.fix;
            if !known.found.iter().any(is_known) {
                known.message = format!("{}; {}: {}", known.message, found.place, found.fix);
                known.found.push(found);
            }
        }
    }
    into.sort_by_key(|broken| broken.requirement.position());
}
