//! The API server's defaults for a pod that are set before any webhook runs and that a control reads
//! (`pkg/apis/core/v1/defaults.go`).

use policy::pss::{Container, ContainerKind, Pod, PodSpec, Text};

/// Sets the defaults of a pod, as a review contains it.
pub(super) fn of_pod(pod: &mut Pod<'_>) {
    of_template(pod);
    // The API server does not set the ports of ephemeral containers, and none in templates.
    if pod.spec.host_network {
        let spec = &mut pod.spec;
        spec.list_mut(ContainerKind::Init).iter_mut().for_each(host_ports);
        spec.list_mut(ContainerKind::Main).iter_mut().for_each(host_ports);
    }
}

/// Sets the defaults of a controller's template, as a review contains it.
pub(super) fn of_template(template: &mut Pod<'_>) {
    empty_dirs(&mut template.spec);
}

/// A volume without a source becomes an emptyDir.
fn empty_dirs(spec: &mut PodSpec<'_>) {
    for volume in spec.volumes.iter_mut().filter(|volume| volume.sources.is_empty()) {
        volume.sources.push(Text::from("emptyDir"));
    }
}

/// In the host's network, every container port is a host port.
fn host_ports(container: &mut Container<'_>) {
    for port in container.ports.iter_mut().filter(|port| port.host_port == 0) {
        port.host_port = port.container_port;
    }
}
