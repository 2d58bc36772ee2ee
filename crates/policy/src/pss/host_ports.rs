//! `hostPorts` (baseline): a container does not open ports of the node.
//!
//! Fields: `ports[*].hostPort` of every container.
//! Allowed: unset, 0.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::Finding,
};

pub(super) static HOST_PORTS: Control = Control {
    id: "hostPorts",
    level: Level::Baseline,
    reason: "host ports",
    overrides: None,
    revisions: &[Revision { since: Minor(0), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    for (place, container) in pod.containers() {
        let ports = container.ports.iter().enumerate();
        for (index, port) in ports.filter(|(_, port)| port.host_port != 0) {
            found.add_with(place, || {
                let path = format!("ports[{index}].hostPort");
                Finding::new(place, path, format!("remove hostPort {}", port.host_port))
            });
        }
    }
}
