//! `rules/runAsGroup`: no container runs in root's group.
//!
//! Fields: `securityContext.runAsGroup` of every container, else of the pod.
//! Allowed: what lies in the settings' ranges, by default anything but 0. Unset is not: it is 0, whatever the user.
//! Windows pods are not judged: the field cannot be set there.

use crate::pss::{Findings, Pod};

use super::{ids::Id, ranges::Ranges, table::Rule};

pub(super) static RULE: Rule = Rule { id: "rules/runAsGroup", reason: "group that is not allowed" };

pub(super) fn find(allowed: &Ranges, pod: &Pod<'_>, found: &mut Findings) {
    let id = Id {
        path: "securityContext.runAsGroup",
        of_pod: |context| context.run_as_group,
        of_container: |context| context.run_as_group,
    };
    id.find_outside(allowed, pod, found);
}
