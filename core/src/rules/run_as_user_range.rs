//! `rules/runAsUserRange`: containers run as users of a range.
//!
//! Fields: `securityContext.runAsUser` of every container, else of the pod.
//! Allowed: what lies in the settings' ranges, by default anything but 0. Unset is not: the image would choose. Windows
//! pods are not judged: the field cannot be set there.

use crate::pss::{Findings, Pod};

use super::{ids::Id, ranges::Ranges, table::Rule};

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
