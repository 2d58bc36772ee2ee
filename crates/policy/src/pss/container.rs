//! The narrow view of a container, as [`Pod`](super::Pod) is that of a pod.
#![allow(missing_docs, reason = "fields are the Kubernetes API's own, documented there")]

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::{
    resources::Resources,
    security_context::SecurityContext,
    text::{List, Text, or_default},
};

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

/// `ports[*]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// 0 if unset.
    #[serde(default, deserialize_with = "or_default")]
    pub host_port: i32,
    /// With `hostNetwork`, also the host port.
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

/// A probe or lifecycle handler: the two kinds of action that name a host.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handler {
    #[serde(default)]
    pub http_get: Option<Host>,
    #[serde(default)]
    pub tcp_socket: Option<Host>,
}

/// The host that a handler connects to; empty for the pod itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Host {
    /// Whether it names a host other than the pod. Only this matters to checks.
    #[serde(default, rename = "host", deserialize_with = "is_text")]
    pub is_named: bool,
}

/// Whether the value is a string that is not empty.
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
    /// The path in the container.
    #[serde(borrow, default)]
    pub mount_path: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub read_only: bool,
}

/// `volumeDevices[*]`: a raw block device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeDevice<'a> {
    /// The path in the container.
    #[serde(borrow, default)]
    pub device_path: Text<'a>,
}

/// The list that a container is in. The order is that in which upstream visits the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerKind {
    /// `spec.initContainers`, sidecars included.
    Init,
    /// `spec.containers`.
    Main,
    /// `spec.ephemeralContainers`, which `kubectl debug` adds.
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
