//! The Pod Security Standards: the controls, and which of them a pod violates.
//!
//! Pure: no I/O, no clock, no log. The Standard is data: [`CONTROLS`] lists each control with its level and its
//! revisions by version, one file per control; [`evaluate`] filters that table.

mod annotations;
mod control;
mod findings;
mod labels;
mod level;
mod levels;
mod pod;
mod policy;
mod resources;
mod table;
mod text;
mod violation;
mod volume;

mod allow_privilege_escalation;
mod app_armor;
mod capabilities;
mod container;
mod host_namespaces;
mod host_path;
mod host_ports;
mod host_probes;
mod privileged;
mod proc_mount;
mod run_as_non_root;
mod run_as_user;
mod seccomp;
mod security_context;
mod selinux;
mod sysctls;
mod volume_types;
mod windows_host_process;

pub use annotations::{
    APP_ARMOR_PREFIX, Annotations, MIRROR, SECCOMP_CONTAINER_PREFIX, SECCOMP_POD,
};
pub use container::{Container, ContainerKind, VolumeDevice, VolumeMount};
pub use control::{Control, Revision};
pub use findings::{FindingLimits, Findings};
pub use labels::Labels;
pub use level::{InvalidVersion, Level, LevelVersion, Minor, NEWEST, Version};
pub use levels::Levels;
pub use pod::{Metadata, OwnerReference, Pod, PodSpec};
pub use policy::{
    Defaults, InvalidLabel, NamespacePolicy, OWN, Policy, STANDARD, enforced_by_standard,
    from_labels, is_policy_label, policy_labels,
};
pub use resources::{Quantities, Resources};
pub use security_context::{
    Capabilities, PodSecurityContext, Profile, SecurityContext, Sysctl, WindowsOptions,
};
pub use table::{CONTROLS, broken, evaluate, in_force, replacement};
pub use text::{List, MAX_LIST, Text, or_default};
pub use violation::{Finding, Place};
pub use volume::Volume;

pub(crate) use text::Charged;
pub(crate) use violation::missing;
