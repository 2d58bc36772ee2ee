//! `allowPrivilegeEscalation` (restricted): no process gets more rights than its parent (no_new_privs).
//!
//! Fields: `securityContext.allowPrivilegeEscalation` of every container.
//! Allowed: `false`. Since v1.25 Windows pods are not judged: the field does not exist there.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::Finding,
};

pub(super) static ALLOW_PRIVILEGE_ESCALATION: Control = Control {
    id: "allowPrivilegeEscalation",
    level: Level::Restricted,
    reason: "allowPrivilegeEscalation is not false",
    overrides: None,
    revisions: &[
        Revision { since: Minor(8), check },
        Revision {
            since: Minor(25),
            check: |pod, found| {
                if !pod.is_windows() {
                    check(pod, found);
                }
            },
        },
    ],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(
        pod.containers()
            .filter(|(_, container)| {
                let context = container.security_context.as_ref();
                context.and_then(|context| context.allow_privilege_escalation) != Some(false)
            })
            .map(|(place, _)| {
                Finding::new(
                    place,
                    "securityContext.allowPrivilegeEscalation",
                    "set securityContext.allowPrivilegeEscalation=false",
                )
            }),
    );
}
