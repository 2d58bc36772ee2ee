//! The narrow view of a pod: the fields that a control judges, hardening reads, or an update is compared by.
//!
//! Everything else in the object is skipped and never allocated. Text is borrowed from the request's body. Absent and
//! `null` read the same, as in Go.
#![allow(missing_docs, reason = "fields are the Kubernetes API's own, documented there")]

use serde::Deserialize;

use super::{
    annotations::Annotations,
    container::{Container, ContainerKind},
    labels::Labels,
    resources::Resources,
    security_context::{PodSecurityContext, SecurityContext},
    text::{List, Text, or_default},
    violation::Place,
    volume::Volume,
};

/// A pod, or a pod template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod<'a> {
    /// Name, annotations, owners and more.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// The specification.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub spec: PodSpec<'a>,
}

/// The part of `metadata` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Empty until a generated name is set.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// The prefix of a generated name.
    #[serde(borrow, default)]
    pub generate_name: Text<'a>,
    /// Empty in a manifest that sets none.
    #[serde(borrow, default)]
    pub namespace: Text<'a>,
    /// The annotations that a control or hardening reads.
    #[serde(borrow, default)]
    pub annotations: Annotations<'a>,
    /// The labels that exceptions can match.
    #[serde(borrow, default)]
    pub labels: Labels<'a>,
    /// The owners. Pods of one controller are alike.
    #[serde(borrow, default)]
    pub owner_references: List<OwnerReference<'a>>,
}

impl<'a> Metadata<'a> {
    /// The managing owner, as the object claims: anyone can write that.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }
}

/// `metadata.ownerReferences[*]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// Group and version of the owner's kind.
    #[serde(borrow, default)]
    pub api_version: Text<'a>,
    /// The owner's kind.
    #[serde(borrow, default)]
    pub kind: Text<'a>,
    /// The owner's name.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// The owner's UID.
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    /// Whether it is the managing owner.
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
    /// The deprecated alias of `serviceAccountName`, which takes precedence if both are set.
    #[serde(borrow, default)]
    pub service_account: Text<'a>,
    #[serde(default)]
    pub automount_service_account_token: Option<bool>,
    /// The resources that all containers share (KEP-2837).
    #[serde(borrow, default)]
    pub resources: Option<Resources<'a>>,
}

/// `spec.os`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Os<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
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

    /// One of the three lists, mutable for simulations.
    pub fn list_mut(&mut self, kind: ContainerKind) -> &mut [Container<'a>] {
        match kind {
            ContainerKind::Init => &mut self.init_containers,
            ContainerKind::Main => &mut self.containers,
            ContainerKind::Ephemeral => &mut self.ephemeral_containers,
        }
    }
}

impl Pod<'_> {
    /// All containers with their places: init, main, ephemeral.
    pub fn containers(&self) -> impl Iterator<Item = (Place, &Container<'_>)> {
        ContainerKind::ALL.into_iter().flat_map(|kind| {
            let containers = self.spec.list(kind).iter().enumerate();
            containers.map(move |(index, container)| (Place::Container { kind, index }, container))
        })
    }

    /// All containers that have a `securityContext`, with it.
    pub fn security_contexts(&self) -> impl Iterator<Item = (Place, &SecurityContext<'_>)> {
        self.containers()
            .filter_map(|(place, container)| Some((place, container.security_context.as_ref()?)))
    }

    /// The service account that the pod names. Empty if it names none and gets `default`.
    pub fn service_account(&self) -> &str {
        let name = self.spec.service_account_name.as_str();
        if name.is_empty() { &self.spec.service_account } else { name }
    }

    /// Whether `os.name` is Windows; unset means Linux.
    pub fn is_windows(&self) -> bool {
        self.spec.os.as_ref().is_some_and(|os| os.name == "windows")
    }

    /// Whether the pod runs in its own user namespace: `hostUsers` is set to false (KEP-127).
    pub fn has_user_namespace(&self) -> bool {
        self.spec.host_users == Some(false)
    }
}
