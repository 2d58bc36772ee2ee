//! What a profile or an exception allows: exactly the listed values.
//!
//! ```yaml
//! capabilities: [NET_RAW]
//! hostPaths: [{path: /var/log, readOnly: true}]
//! hostPorts: [9100, "30000-30010"]
//! hostNamespaces: [network]
//! volumeTypes: [nfs]
//! sysctls: [net.core.somaxconn]
//! controls: [runAsNonRoot, rules/imageTag]
//! ```

use std::collections::BTreeSet;

use crate::{
    pss::{Container, Pod, Text, Volume},
    requirement::Requirement,
    rules::{HostPath, Ranges, WritableMounts},
};

/// The allowed values, and the requirements that are lifted completely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relaxation {
    /// Capabilities that may be added, by their exact names.
    pub capabilities: BTreeSet<String>,
    /// Paths that may be mounted.
    pub host_paths: Vec<HostPath>,
    /// Ports of the node that may be opened.
    pub host_ports: Ranges,
    /// Namespaces of the node that may be shared.
    pub host_namespaces: BTreeSet<HostNamespace>,
    /// Volume sources that may be used, by the field's name.
    pub volume_types: BTreeSet<String>,
    /// Sysctls that may be set, by their exact names.
    pub sysctls: BTreeSet<String>,
    /// Requirements that need not be met.
    pub requirements: Vec<Requirement>,
}

words! {
    /// A namespace of the node that a pod may share.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum HostNamespace {
        /// `hostNetwork`.
        Network = "network",
        /// `hostPID`.
        Pid = "pid",
        /// `hostIPC`.
        Ipc = "ipc",
    }
}

impl Relaxation {
    /// Whether [`Self::take_out_of_pod`] would change a pod.
    pub(super) fn concerns_pod(&self, pod: &Pod<'_>) -> bool {
        let spec = &pod.spec;
        let namespaces = [
            (spec.host_network, HostNamespace::Network),
            (spec.host_pid, HostNamespace::Pid),
            (spec.host_ipc, HostNamespace::Ipc),
        ];
        let context = spec.security_context.as_ref();
        let mut sysctls = context.into_iter().flat_map(|context| context.sysctls.iter());
        namespaces.iter().any(|(is_set, it)| *is_set && self.host_namespaces.contains(it))
            || sysctls.any(|sysctl| self.sysctls.contains(sysctl.name.as_str()))
            || self.allows_some_volume(pod)
    }

    fn allows_some_volume(&self, pod: &Pod<'_>) -> bool {
        if self.volume_types.is_empty() && self.host_paths.is_empty() {
            return false;
        }
        let mounts = WritableMounts::of(pod);
        pod.spec.volumes.iter().any(|volume| self.allows_volume(volume, &mounts))
    }

    /// Whether [`Self::take_out_of_container`] would change a container.
    pub(super) fn concerns_container(&self, container: &Container<'_>) -> bool {
        let context = container.security_context.as_ref();
        let capabilities = context.and_then(|context| context.capabilities.as_ref());
        let mut added = capabilities.into_iter().flat_map(|set| set.add.iter());
        added.any(|name| self.capabilities.contains(name.as_str()))
            || container.ports.iter().any(|port| self.host_ports.contains(port.host_port.into()))
    }

    /// Removes from a pod what the whole pod is allowed. The rest is judged as usual.
    pub(super) fn take_out_of_pod(&self, pod: &mut Pod<'_>) {
        let spec = &mut pod.spec;
        spec.host_network &= !self.host_namespaces.contains(&HostNamespace::Network);
        spec.host_pid &= !self.host_namespaces.contains(&HostNamespace::Pid);
        spec.host_ipc &= !self.host_namespaces.contains(&HostNamespace::Ipc);
        if let Some(context) = &mut spec.security_context {
            context.sysctls.retain(|sysctl| !self.sysctls.contains(sysctl.name.as_str()));
        }
        let mounts = WritableMounts::of(pod);
        let allowed = |volume: &Volume<'_>| self.allows_volume(volume, &mounts);
        let allowed: Vec<_> = pod.spec.volumes.iter().map(allowed).collect();
        for (volume, _) in pod.spec.volumes.iter_mut().zip(allowed).filter(|(_, is)| *is) {
            // The volume keeps its index, so that findings name the right ones.
            volume.sources = vec![Text::from("emptyDir")];
            volume.host_path = None;
        }
    }

    /// Removes from a container what it is allowed.
    pub(super) fn take_out_of_container(&self, container: &mut Container<'_>) {
        let context = container.security_context.as_mut();
        if let Some(set) = context.and_then(|context| context.capabilities.as_mut()) {
            set.add.retain(|name| !self.capabilities.contains(name.as_str()));
        }
        for port in container.ports.iter_mut() {
            if self.host_ports.contains(port.host_port.into()) {
                port.host_port = 0;
            }
        }
    }

    fn allows_volume(&self, volume: &Volume<'_>, mounts: &WritableMounts<'_>) -> bool {
        let [source] = volume.sources.as_slice() else { return false };
        if self.volume_types.contains(source.as_str()) {
            return true;
        }
        *source == "hostPath" && HostPath::allow(&self.host_paths, volume, mounts)
    }
}
