//! `rules/runAsUserRange`: containers run as users in a range.
//!
//! Fields: `securityContext.runAsUser` of every container, else of the pod.
//! Allowed: users in the settings' ranges, by default any except 0. Unset is not allowed: the image would choose the
//! user. Windows pods are not judged, because they cannot set the field.

use crate::pss::{Findings, Pod};

use super::{ids::Id, ranges::Ranges, rule::Rule};

pub(super) static RULE: Rule =
    Rule { id: "rules/runAsUserRange", reason: "user that is not allowed" };

pub(super) fn find(allowed: &Ranges, pod: &Pod<'_>, found: &mut Findings) {
    let id = Id {
        path: "securityContext.runAsUser",
        of_pod: |context| context.run_as_user,
        of_container: |context| context.run_as_user,
    };
    id.find_outside(allowed, pod, found);
}
