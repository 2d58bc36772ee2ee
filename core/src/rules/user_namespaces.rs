//! `rules/userNamespaces`: root in a container is nobody on the node.
//!
//! Fields: `spec.hostUsers`.
//! Allowed: `false`; anything where the API server refuses that: in Windows pods, beside `hostPID`, `hostIPC` and
//! `hostNetwork`, and where a container has `volumeDevices` (`validateHostUsers`; from v1.35 on, alpha gates lift the
//! last two). Whoever wants these pods kept out has the Standard's controls for it.
//!
//! Since v1.35, `hostUsers: false` takes `runAsNonRoot` and `runAsUser` of restricted out of force.

use crate::pss::{Finding, Findings, Place, Pod};

use super::table::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/userNamespaces", reason: "no user namespace of its own" };

pub(super) fn find(pod: &Pod<'_>, found: &mut Findings) {
    if pod.has_user_namespace() || refuses_user_namespace(pod) {
        return;
    }
    found.add(Finding::new(Place::Pod, "hostUsers", "set hostUsers=false"));
}

/// Whether the API server would refuse `hostUsers: false` in this pod.
pub fn refuses_user_namespace(pod: &Pod<'_>) -> bool {
    let spec = &pod.spec;
    pod.is_windows()
        || spec.host_pid
        || spec.host_ipc
        || spec.host_network
        || pod.containers().any(|(_, container)| !container.volume_devices.is_empty())
}
