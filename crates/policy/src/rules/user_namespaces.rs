//! `rules/userNamespaces`: root in a container is an unprivileged user on the node.
//!
//! Fields: `spec.hostUsers`.
//! Allowed: `false`; anything if the API server rejects that: in Windows pods, with `hostPID`, `hostIPC` or
//! `hostNetwork`, and if a container has `volumeDevices` (`validateHostUsers`; since v1.35, alpha feature gates lift
//! the last two). To deny such pods, use the Standard's controls.
//!
//! Since v1.35, `hostUsers: false` disables `runAsNonRoot` and `runAsUser` of restricted.

use crate::pss::{Finding, Findings, Place, Pod};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/userNamespaces", reason: "no user namespace of its own" };

pub(super) fn find(pod: &Pod<'_>, found: &mut Findings) {
    if pod.has_user_namespace() || refuses_user_namespace(pod) {
        return;
    }
    found.add(Finding::new(Place::Pod, "hostUsers", "set hostUsers=false"));
}

/// Whether the API server would reject `hostUsers: false` in this pod.
pub fn refuses_user_namespace(pod: &Pod<'_>) -> bool {
    let spec = &pod.spec;
    pod.is_windows()
        || spec.host_pid
        || spec.host_ipc
        || spec.host_network
        || pod.containers().any(|(_, container)| !container.volume_devices.is_empty())
}
