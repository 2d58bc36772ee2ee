//! The narrow view of a pod: only what a control judges, hardening reads, or an update is compared by.
//!
//! Everything else in the object is skipped, never allocated. Text is borrowed from the request's body.
//! What is absent and what is `null` read the same, as in Go.
#![allow(missing_docs, reason = "fields are the Kubernetes API's own, documented there")]

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::{
    annotations::Annotations,
    labels::Labels,
    resources::Resources,
    text::{List, Text, or_default},
    violation::Place,
    volume::Volume,
};

/// A pod, or the template of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod<'a> {
    /// Name, annotations, owners.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// The rest.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub spec: PodSpec<'a>,
}

/// The part of `metadata` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Empty while a generated name is not made yet.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// What a generated name starts with.
    #[serde(borrow, default)]
    pub generate_name: Text<'a>,
    /// Empty in a manifest that does not say it.
    #[serde(borrow, default)]
    pub namespace: Text<'a>,
    /// Those that a control or hardening reads.
    #[serde(borrow, default)]
    pub annotations: Annotations<'a>,
    /// What exceptions may ask for.
    #[serde(borrow, default)]
    pub labels: Labels<'a>,
    /// Who made the pod: pods of one controller are alike.
    #[serde(borrow, default)]
    pub owner_references: List<OwnerReference<'a>>,
}

impl<'a> Metadata<'a> {
    /// The owner that manages it, as it says: anybody can write that.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }
}

/// `metadata.ownerReferences[*]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// Group and version of its kind.
    #[serde(borrow, default)]
    pub api_version: Text<'a>,
    /// Its kind.
    #[serde(borrow, default)]
    pub kind: Text<'a>,
    /// Its name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// The owner's UID.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// Whether it is the managing one.
    #[serde(default)]
    pub controller: Option<bool>,
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    #[serde(borrow, default)]
    pub init_containers: List<Container<'a>>,
    #[serde(borrow, default)]
    pub containers: List<Container<'a>>,
    #[serde(borrow, default)]
    pub ephemeral_containers: List<Container<'a>>,
    #[serde(borrow, default)]
    pub volumes: List<Volume<'a>>,
    #[serde(borrow, default)]
    pub security_context: Option<PodSecurityContext<'a>>,
    #[serde(borrow, default)]
    pub os: Option<Os<'a>>,
    #[serde(rename = "hostPID", default, deserialize_with = "or_default")]
    pub host_pid: bool,
    #[serde(rename = "hostIPC", default, deserialize_with = "or_default")]
    pub host_ipc: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub host_network: bool,
    #[serde(default)]
    pub host_users: Option<bool>,
    #[serde(borrow, default)]
    pub runtime_class_name: Text<'a>,
    #[serde(borrow, default)]
    pub service_account_name: Text<'a>,
    /// The old name of `serviceAccountName`, which wins where both are set.
    #[serde(borrow, default)]
    pub service_account: Text<'a>,
    #[serde(default)]
    pub automount_service_account_token: Option<bool>,
    /// What the containers have together (KEP-2837).
    #[serde(borrow, default)]
    pub resources: Option<Resources<'a>>,
}

/// `spec.os`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Os<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
}

/// `spec.securityContext`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurityContext<'a> {
    #[serde(default)]
    pub run_as_non_root: Option<bool>,
    #[serde(default)]
    pub run_as_user: Option<i64>,
    #[serde(default)]
    pub run_as_group: Option<i64>,
    #[serde(borrow, default)]
    pub seccomp_profile: Option<Profile<'a>>,
    #[serde(borrow, default)]
    pub app_armor_profile: Option<Profile<'a>>,
    #[serde(borrow, default)]
    pub se_linux_options: Option<SeLinuxOptions<'a>>,
    #[serde(borrow, default)]
    pub windows_options: Option<WindowsOptions<'a>>,
    #[serde(borrow, default)]
    pub sysctls: List<Sysctl<'a>>,
}

/// One element of any of the three container lists.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub image: Text<'a>,
    #[serde(borrow, default)]
    pub security_context: Option<SecurityContext<'a>>,
    #[serde(default)]
    pub ports: List<Port>,
    #[serde(default)]
    pub liveness_probe: Option<Handler>,
    #[serde(default)]
    pub readiness_probe: Option<Handler>,
    #[serde(default)]
    pub startup_probe: Option<Handler>,
    #[serde(default)]
    pub lifecycle: Option<Lifecycle>,
    #[serde(borrow, default)]
    pub volume_mounts: List<VolumeMount<'a>>,
    #[serde(borrow, default)]
    pub volume_devices: List<VolumeDevice<'a>>,
    #[serde(borrow, default)]
    pub resources: Option<Resources<'a>>,
}

/// `spec.containers[*].securityContext`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityContext<'a> {
    #[serde(default)]
    pub privileged: Option<bool>,
    #[serde(default)]
    pub allow_privilege_escalation: Option<bool>,
    #[serde(default)]
    pub read_only_root_filesystem: Option<bool>,
    #[serde(default)]
    pub run_as_non_root: Option<bool>,
    #[serde(default)]
    pub run_as_user: Option<i64>,
    #[serde(default)]
    pub run_as_group: Option<i64>,
    #[serde(borrow, default)]
    pub capabilities: Option<Capabilities<'a>>,
    #[serde(borrow, default)]
    pub seccomp_profile: Option<Profile<'a>>,
    #[serde(borrow, default)]
    pub app_armor_profile: Option<Profile<'a>>,
    #[serde(borrow, default)]
    pub se_linux_options: Option<SeLinuxOptions<'a>>,
    #[serde(borrow, default)]
    pub windows_options: Option<WindowsOptions<'a>>,
    #[serde(borrow, default)]
    pub proc_mount: Option<Text<'a>>,
}

/// `capabilities`: names without `CAP_`, exact.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Capabilities<'a> {
    #[serde(borrow, default)]
    pub add: List<Text<'a>>,
    #[serde(borrow, default)]
    pub drop: List<Text<'a>>,
}

/// `seccompProfile` or `appArmorProfile`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// Only of type `Localhost`.
    #[serde(borrow, default)]
    pub localhost_profile: Text<'a>,
}

/// `seLinuxOptions`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SeLinuxOptions<'a> {
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    #[serde(borrow, default)]
    pub user: Text<'a>,
    #[serde(borrow, default)]
    pub role: Text<'a>,
}

/// `windowsOptions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowsOptions<'a> {
    #[serde(default)]
    pub host_process: Option<bool>,
    #[serde(borrow, default)]
    pub run_as_user_name: Text<'a>,
}

/// `sysctls[*]`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Sysctl<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
}

/// `ports[*]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// Unset is 0.
    #[serde(default, deserialize_with = "or_default")]
    pub host_port: i32,
    /// What `hostNetwork` makes a host port of.
    #[serde(default, deserialize_with = "or_default")]
    pub container_port: i32,
}

/// `lifecycle`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    #[serde(default)]
    pub post_start: Option<Handler>,
    #[serde(default)]
    pub pre_stop: Option<Handler>,
}

/// A probe or lifecycle handler: the two kinds that name a host.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handler {
    #[serde(default)]
    pub http_get: Option<Host>,
    #[serde(default)]
    pub tcp_socket: Option<Host>,
}

/// Where a handler connects; empty is the pod itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Host {
    /// Whether it names another than the pod: that is all that is asked of it.
    #[serde(default, rename = "host", deserialize_with = "is_text")]
    pub is_named: bool,
}

/// Whether a string is there that is not empty.
fn is_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(!Text::deserialize(deserializer)?.is_empty())
}

/// `volumeMounts[*]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount<'a> {
    /// The volume's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// Where it is seen.
    #[serde(borrow, default)]
    pub mount_path: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub read_only: bool,
}

/// `volumeDevices[*]`: a raw block device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeDevice<'a> {
    /// Where it is seen.
    #[serde(borrow, default)]
    pub device_path: Text<'a>,
}

/// Which of a pod's three lists a container is in, in the order in which upstream visits them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerKind {
    /// `spec.initContainers`, sidecars included.
    Init,
    /// `spec.containers`.
    Main,
    /// `spec.ephemeralContainers`, what `kubectl debug` adds.
    Ephemeral,
}

impl ContainerKind {
    /// In upstream's order.
    pub const ALL: [Self; 3] = [Self::Init, Self::Main, Self::Ephemeral];

    /// The field of the pod's spec.
    pub fn list(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Main => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "init container",
            Self::Main => "container",
            Self::Ephemeral => "ephemeral container",
        })
    }
}

impl<'a> PodSpec<'a> {
    /// One of the three lists.
    pub fn list(&self, kind: ContainerKind) -> &[Container<'a>] {
        match kind {
            ContainerKind::Init => &self.init_containers,
            ContainerKind::Main => &self.containers,
            ContainerKind::Ephemeral => &self.ephemeral_containers,
        }
    }

    /// One of the three lists, to change what is simulated.
    pub fn list_mut(&mut self, kind: ContainerKind) -> &mut [Container<'a>] {
        match kind {
            ContainerKind::Init => &mut self.init_containers,
            ContainerKind::Main => &mut self.containers,
            ContainerKind::Ephemeral => &mut self.ephemeral_containers,
        }
    }
}

impl Pod<'_> {
    /// All containers with where they stand: init, main, ephemeral.
    pub fn containers(&self) -> impl Iterator<Item = (Place, &Container<'_>)> {
        ContainerKind::ALL.into_iter().flat_map(|kind| {
            let containers = self.spec.list(kind).iter().enumerate();
            containers.map(move |(index, container)| (Place::Container { kind, index }, container))
        })
    }

    /// Containers that have a `securityContext`, and it.
    pub fn security_contexts(&self) -> impl Iterator<Item = (Place, &SecurityContext<'_>)> {
        self.containers()
            .filter_map(|(place, container)| Some((place, container.security_context.as_ref()?)))
    }

    /// The service account that the pod names; empty where it names none, and so gets `default`.
    pub fn service_account(&self) -> &str {
        let name = self.spec.service_account_name.as_str();
        if name.is_empty() { &self.spec.service_account } else { name }
    }

    /// Unset is Linux.
    pub fn is_windows(&self) -> bool {
        self.spec.os.as_ref().is_some_and(|os| os.name == "windows")
    }

    /// Whether the pod runs in a user namespace of its own: present and false, KEP-127.
    pub fn has_user_namespace(&self) -> bool {
        self.spec.host_users == Some(false)
    }
}
