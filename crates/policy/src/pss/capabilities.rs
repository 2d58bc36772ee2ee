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

use crate::shown;

use super::{
    findings::Findings,
    level::{Level, Minor},
    pod::{Capabilities, Pod},
    table::{Control, Revision},
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
    found.extend(pod.security_contexts().filter_map(|(place, context)| {
        forbidden_add(place, context.capabilities.as_ref()?, &DEFAULTS)
    }));
}

fn restricted(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(pod.containers().flat_map(|(place, container)| {
        let context = container.security_context.as_ref();
        let capabilities = context.and_then(|context| context.capabilities.as_ref());
        let drops_all = capabilities.is_some_and(|set| set.drop.iter().any(|name| *name == "ALL"));
        let missing = (!drops_all).then(|| {
            Finding::new(
                place,
                "securityContext.capabilities.drop",
                "set securityContext.capabilities.drop=[\"ALL\"]",
            )
        });
        let added = capabilities.and_then(|set| forbidden_add(place, set, &["NET_BIND_SERVICE"]));
        missing.into_iter().chain(added)
    }));
}

fn forbidden_add(
    place: Place,
    capabilities: &Capabilities<'_>,
    allowed: &[&str],
) -> Option<Finding> {
    let added = capabilities.add.iter().map(Text::as_str);
    let names = shown::names(added.filter(|name| !allowed.contains(name)))?;
    let fix = format!("remove {names} from securityContext.capabilities.add");
    Some(Finding::new(place, "securityContext.capabilities.add", fix))
}
