//! `runAsUser` (restricted, since v1.23): no user id 0.
//!
//! Fields: `securityContext.runAsUser` of the pod and of every container.
//! Allowed: unset, anything but 0. Since v1.35 anything, where `hostUsers` is false (KEP-127).

use super::{
    level::{Level, Minor},
    pod::Pod,
    table::{Control, Revision},
    violation::{Finding, Place},
};

pub(super) static RUN_AS_USER: Control = Control {
    id: "runAsUser",
    level: Level::Restricted,
    reason: "runAsUser is 0",
    overrides: None,
    revisions: &[
        Revision { since: Minor(23), check },
        Revision {
            since: Minor(35),
            check: |pod| {
                if pod.has_user_namespace() { Vec::new() } else { check(pod) }
            },
        },
    ],
};

fn check(pod: &Pod<'_>) -> Vec<Finding> {
    let of_pod =
        pod.spec.security_context.as_ref().map(|context| (Place::Pod, context.run_as_user));
    let of_containers =
        pod.security_contexts().map(|(place, context)| (place, context.run_as_user));
    of_pod
        .into_iter()
        .chain(of_containers)
        .filter(|(_, user)| *user == Some(0))
        .map(|(place, _)| {
            Finding::new(
                place,
                "securityContext.runAsUser",
                "set securityContext.runAsUser to a non-zero id, or remove it",
            )
        })
        .collect()
}
