//! `rules/hostPorts`: containers open only the listed ports of the node.
//!
//! Fields: `ports[*].hostPort` of every container.
//! Allowed: unset, 0, and ports in the settings' ranges. With `hostNetwork`, the API server sets it to the container's
//! port before admission, so that value is judged.

use crate::pss::{Finding, Findings, Pod};

use super::{ranges::Ranges, rule::Rule};

pub(super) static RULE: Rule =
    Rule { id: "rules/hostPorts", reason: "host ports that are not listed" };

pub(super) fn find(allowed: &Ranges, pod: &Pod<'_>, found: &mut Findings) {
    for (place, container) in pod.containers() {
        let ports = container.ports.iter().enumerate();
        let others = ports
            .filter(|(_, port)| port.host_port != 0 && !allowed.contains(port.host_port.into()));
        for (index, port) in others {
            found.add_with(place, || {
                let path = format!("ports[{index}].hostPort");
                Finding::new(place, path, fix(allowed, port.host_port))
            });
        }
    }
}

fn fix(allowed: &Ranges, port: i32) -> String {
    if allowed.is_empty() {
        return format!("remove hostPort {port}");
    }
    format!("remove hostPort {port}, or take one of {allowed}")
}
