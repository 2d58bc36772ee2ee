//! What the API server puts into a pod before any webhook sees it, as far as a control looks at it
//! (`pkg/apis/core/v1/defaults.go`).

use crate::pss::{Container, ContainerKind, Pod, PodSpec, Text};

/// A pod, as a review has it.
pub(super) fn of_pod(pod: &mut Pod<'_>) {
    of_template(pod);
    // Of ephemeral containers the API server leaves the ports alone, and of templates all of them.
    if pod.spec.host_network {
        let spec = &mut pod.spec;
        spec.list_mut(ContainerKind::Init).iter_mut().for_each(host_ports);
        spec.list_mut(ContainerKind::Main).iter_mut().for_each(host_ports);
    }
}

/// A controller's template, as a review has it.
pub(super) fn of_template(template: &mut Pod<'_>) {
    empty_dirs(&mut template.spec);
}

/// A volume without a source is an emptyDir.
fn empty_dirs(spec: &mut PodSpec<'_>) {
    for volume in spec.volumes.iter_mut().filter(|volume| volume.sources.is_empty()) {
        volume.sources.push(Text::from("emptyDir"));
    }
}

/// In the host's network every port is one of the host.
fn host_ports(container: &mut Container<'_>) {
    for port in container.ports.iter_mut().filter(|port| port.host_port == 0) {
        port.host_port = port.container_port;
    }
}
