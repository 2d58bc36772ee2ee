//! `privileged` (baseline): a privileged container is root on the node.
//!
//! Fields: `securityContext.privileged` of every container.
//! Allowed: unset, `false`.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::Finding,
};

pub(super) static PRIVILEGED: Control = Control {
    id: "privileged",
    level: Level::Baseline,
    reason: "privileged container",
    overrides: None,
    revisions: &[Revision { since: Minor(0), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(
        pod.security_contexts().filter(|(_, context)| context.privileged == Some(true)).map(
            |(place, _)| {
                Finding::new(
                    place,
                    "securityContext.privileged",
                    "set securityContext.privileged=false",
                )
            },
        ),
    );
}
