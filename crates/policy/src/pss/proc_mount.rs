//! `procMount` (baseline) and `procMount_restricted` (since v1.35): /proc stays masked.
//!
//! Fields: `securityContext.procMount` of every container.
//! Allowed: unset, `Default`. In baseline since v1.35 anything if `hostUsers` is false (KEP-4265).

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::Finding,
};

pub(super) static BASELINE: Control = Control {
    id: "procMount",
    level: Level::Baseline,
    reason: "unmasked procMount",
    overrides: None,
    revisions: &[
        Revision { since: Minor(0), check },
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

pub(super) static RESTRICTED: Control = Control {
    id: "procMount_restricted",
    level: Level::Restricted,
    reason: "unmasked procMount",
    overrides: Some(BASELINE.id),
    revisions: &[Revision { since: Minor(35), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(
        pod.security_contexts()
            .filter(|(_, context)| {
                context.proc_mount.as_ref().is_some_and(|mount| *mount != "Default")
            })
            .map(|(place, _)| {
                Finding::new(
                    place,
                    "securityContext.procMount",
                    "set securityContext.procMount=Default",
                )
            }),
    );
}
