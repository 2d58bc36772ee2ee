//! `capabilities_baseline` and `capabilities_restricted`: which Linux capabilities a container may have.
//!
//! Fields: `securityContext.capabilities.add` of every container.
//! Allowed in baseline: unset, and the 13 names that runtimes grant by default.
//! Allowed in restricted: unset, `NET_BIND_SERVICE`.
//!
//! Fields: `securityContext.capabilities.drop` of every container.
//! Allowed in restricted: any list that includes `ALL`.
//!
//! Names are exact: neither `all` nor `CAP_NET_BIND_SERVICE` counts. Since v1.25 restricted does not judge Windows
//! pods: the field does not exist there.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    security_context::Capabilities,
    text::Text,
    violation::{Finding, Place},
};

pub(super) static BASELINE: Control = Control {
    id: "capabilities_baseline",
    level: Level::Baseline,
    reason: "non-default capabilities added",
    overrides: None,
    revisions: &[Revision { since: Minor(0), check: baseline }],
};

pub(super) static RESTRICTED: Control = Control {
    id: "capabilities_restricted",
    level: Level::Restricted,
    reason: "capabilities not reduced to none",
    overrides: Some(BASELINE.id),
    revisions: &[
        Revision { since: Minor(22), check: restricted },
        Revision {
            since: Minor(25),
            check: |pod, found| {
                if !pod.is_windows() {
                    restricted(pod, found);
                }
            },
        },
    ],
};

const DEFAULTS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn baseline(pod: &Pod<'_>, found: &mut Findings) {
    for (place, context) in pod.security_contexts() {
        let capabilities = context.capabilities.as_ref();
        added_beside(&DEFAULTS, place, capabilities, found);
    }
}

fn restricted(pod: &Pod<'_>, found: &mut Findings) {
    for (place, container) in pod.containers() {
        let context = container.security_context.as_ref();
        let capabilities = context.and_then(|context| context.capabilities.as_ref());
        let drops_all = capabilities.is_some_and(|set| set.drop.iter().any(|name| *name == "ALL"));
        if !drops_all {
            let fix = "set securityContext.capabilities.drop=[\"ALL\"]";
            found.add(Finding::new(place, "securityContext.capabilities.drop", fix));
        }
        added_beside(&["NET_BIND_SERVICE"], place, capabilities, found);
    }
}

/// Finds the added capabilities of a container that are not among the allowed ones.
fn added_beside(
    allowed: &[&str],
    place: Place,
    capabilities: Option<&Capabilities<'_>>,
    found: &mut Findings,
) {
    let added = capabilities.into_iter().flat_map(|set| set.add.iter()).map(Text::as_str);
    found.add_names(place, added.filter(|name| !allowed.contains(name)), |names| {
        let fix = format!("remove {names} from securityContext.capabilities.add");
        Finding::new(place, "securityContext.capabilities.add", fix)
    });
}
