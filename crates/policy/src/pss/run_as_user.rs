//! `runAsUser` (restricted, since v1.23): no user id 0.
//!
//! Fields: `securityContext.runAsUser` of the pod and of every container.
//! Allowed: unset, anything but 0. Since v1.35 anything if `hostUsers` is false (KEP-127).

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
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
            check: |pod, found| {
                if !pod.has_user_namespace() {
                    check(pod, found);
                }
            },
        },
    ],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    let of_pod =
        pod.spec.security_context.as_ref().map(|context| (Place::Pod, context.run_as_user));
    let of_containers =
        pod.security_contexts().map(|(place, context)| (place, context.run_as_user));
    found.extend(of_pod.into_iter().chain(of_containers).filter(|(_, user)| *user == Some(0)).map(
        |(place, _)| {
            Finding::new(
                place,
                "securityContext.runAsUser",
                "set securityContext.runAsUser to a non-zero id, or remove it",
            )
        },
    ));
}
