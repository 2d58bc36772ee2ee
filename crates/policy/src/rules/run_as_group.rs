//! `rules/runAsGroup`: no container runs with the root group.
//!
//! Fields: `securityContext.runAsGroup` of every container, else of the pod.
//! Allowed: groups in the settings' ranges, by default any except 0. Unset is not allowed: it means 0 for any user.
//! Windows pods are not judged, because they cannot set the field.

use crate::pss::{Findings, Pod};

use super::{ids::Id, ranges::Ranges, rule::Rule};

pub(super) static RULE: Rule = Rule { id: "rules/runAsGroup", reason: "group that is not allowed" };

pub(super) fn find(allowed: &Ranges, pod: &Pod<'_>, found: &mut Findings) {
    let id = Id {
        path: "securityContext.runAsGroup",
        of_pod: |context| context.run_as_group,
        of_container: |context| context.run_as_group,
    };
    id.find_outside(allowed, pod, found);
}
