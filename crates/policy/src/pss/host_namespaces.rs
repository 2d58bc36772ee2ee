//! `hostNamespaces` (baseline): a pod does not share the node's network, processes or IPC.
//!
//! Fields: `spec.hostNetwork`, `spec.hostPID`, `spec.hostIPC`.
//! Allowed: unset, `false`.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::{Finding, Place},
};

pub(super) static HOST_NAMESPACES: Control = Control {
    id: "hostNamespaces",
    level: Level::Baseline,
    reason: "host namespaces",
    overrides: None,
    revisions: &[Revision { since: Minor(0), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    let spec = &pod.spec;
    found.extend(
        [
            (spec.host_network, "hostNetwork", "set hostNetwork=false"),
            (spec.host_pid, "hostPID", "set hostPID=false"),
            (spec.host_ipc, "hostIPC", "set hostIPC=false"),
        ]
        .into_iter()
        .filter(|(is_shared, ..)| *is_shared)
        .map(|(_, field, fix)| Finding::new(Place::Pod, field, fix)),
    );
}
