//! `sysctls` (baseline): only sysctls that affect the pod alone.
//!
//! Fields: `spec.securityContext.sysctls[*].name`.
//! Allowed: the names of `SAFE`, each since the version beside it.

use crate::shown::shown;

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::{Finding, Place},
};

pub(super) static SYSCTLS: Control = Control {
    id: "sysctls",
    level: Level::Baseline,
    reason: "unsafe sysctls",
    overrides: None,
    revisions: &[
        Revision { since: Minor(0), check: |pod, found| check(pod, found, Minor(0)) },
        Revision { since: Minor(27), check: |pod, found| check(pod, found, Minor(27)) },
        Revision { since: Minor(29), check: |pod, found| check(pod, found, Minor(29)) },
        Revision { since: Minor(32), check: |pod, found| check(pod, found, Minor(32)) },
        Revision { since: Minor(37), check: |pod, found| check(pod, found, Minor(37)) },
    ],
};

const SAFE: [(Minor, &str); 14] = [
    (Minor(0), "kernel.shm_rmid_forced"),
    (Minor(0), "net.ipv4.ip_local_port_range"),
    (Minor(0), "net.ipv4.tcp_syncookies"),
    (Minor(0), "net.ipv4.ping_group_range"),
    (Minor(0), "net.ipv4.ip_unprivileged_port_start"),
    (Minor(27), "net.ipv4.ip_local_reserved_ports"),
    (Minor(29), "net.ipv4.tcp_keepalive_time"),
    (Minor(29), "net.ipv4.tcp_fin_timeout"),
    (Minor(29), "net.ipv4.tcp_keepalive_intvl"),
    (Minor(29), "net.ipv4.tcp_keepalive_probes"),
    (Minor(32), "net.ipv4.tcp_rmem"),
    (Minor(32), "net.ipv4.tcp_wmem"),
    (Minor(37), "net.ipv4.tcp_slow_start_after_idle"),
    (Minor(37), "net.ipv4.tcp_notsent_lowat"),
];

fn check(pod: &Pod<'_>, found: &mut Findings, revision: Minor) {
    let is_safe = |name: &str| SAFE.iter().any(|(since, safe)| *since <= revision && *safe == name);
    let context = pod.spec.security_context.as_ref();
    let sysctls = context.into_iter().flat_map(|context| context.sysctls.iter().enumerate());
    for (index, sysctl) in sysctls.filter(|(_, sysctl)| !is_safe(&sysctl.name)) {
        found.add_with(Place::Pod, || {
            let path = format!("securityContext.sysctls[{index}].name");
            Finding::new(Place::Pod, path, format!("remove sysctl {}", shown(&sysctl.name)))
        });
    }
}
