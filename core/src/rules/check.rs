//! A rule with its settings, and what follows where a pod breaks it.

use std::{collections::BTreeSet, fmt, str::FromStr};

use crate::{
    pattern::Patterns,
    pss::{Caps, Findings, Pod},
};

use super::{
    added_capabilities, app_armor_profile, app_armor_profile::AppArmor, default_service_account,
    host_paths, host_paths::HostPath, host_ports, image::Images, image_digest, image_registries,
    image_registries::Registries, image_tag, ranges::Ranges, read_only_root_filesystem, resources,
    resources::Resources, run_as_group, run_as_user_range, se_linux, seccomp_localhost,
    service_account_token, table::Rule, user_namespaces,
};

/// A rule that is in force somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// What follows where a pod breaks it.
    pub mode: Mode,
    /// The rule and its settings.
    pub check: Check,
}

/// What follows where a pod breaks a rule. A rule that is off is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Whoever asked is told.
    Warn,
    /// The audit log notes it.
    Audit,
    /// The pod is denied.
    Enforce,
}

impl Mode {
    /// The word used in the configuration and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Audit => "audit",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was written instead of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of warn, audit, enforce")]
pub struct InvalidMode;

impl FromStr for Mode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        match text {
            "warn" => Ok(Self::Warn),
            "audit" => Ok(Self::Audit),
            "enforce" => Ok(Self::Enforce),
            _ => Err(InvalidMode),
        }
    }
}

/// A rule with its settings: one variant a rule, in the table's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Every container's root is read-only.
    ReadOnlyRootFilesystem,
    /// No token of the default service account.
    ServiceAccountToken,
    /// A service account of the pod's own.
    DefaultServiceAccount,
    /// An AppArmor profile, and one of these.
    AppArmorProfile(AppArmor),
    /// Of the node's seccomp profiles only these.
    SeccompLocalhost(Patterns),
    /// Of SELinux types only these.
    SeLinux(Patterns),
    /// Requests and limits.
    Resources(Resources),
    /// Images from these registries and repositories only.
    ImageRegistries(Registries),
    /// A tag, and not `latest`.
    ImageTag,
    /// A digest.
    ImageDigest,
    /// A group of these.
    RunAsGroup(Ranges),
    /// A user of these.
    RunAsUserRange(Ranges),
    /// `hostUsers: false`.
    UserNamespaces,
    /// Of capabilities only these are added.
    AddedCapabilities(BTreeSet<String>),
    /// Of the node's files only these.
    HostPaths(Vec<HostPath>),
    /// Of the node's ports only these.
    HostPorts(Ranges),
}

impl Check {
    /// Which rule it is.
    pub fn rule(&self) -> &'static Rule {
        match self {
            Self::ReadOnlyRootFilesystem => &read_only_root_filesystem::RULE,
            Self::ServiceAccountToken => &service_account_token::RULE,
            Self::DefaultServiceAccount => &default_service_account::RULE,
            Self::AppArmorProfile(_) => &app_armor_profile::RULE,
            Self::SeccompLocalhost(_) => &seccomp_localhost::RULE,
            Self::SeLinux(_) => &se_linux::RULE,
            Self::Resources(_) => &resources::RULE,
            Self::ImageRegistries(_) => &image_registries::RULE,
            Self::ImageTag => &image_tag::RULE,
            Self::ImageDigest => &image_digest::RULE,
            Self::RunAsGroup(_) => &run_as_group::RULE,
            Self::RunAsUserRange(_) => &run_as_user_range::RULE,
            Self::UserNamespaces => &user_namespaces::RULE,
            Self::AddedCapabilities(_) => &added_capabilities::RULE,
            Self::HostPaths(_) => &host_paths::RULE,
            Self::HostPorts(_) => &host_ports::RULE,
        }
    }

    /// Whether an update can break it that changes neither containers nor images: a resize.
    pub fn is_of_resize(&self) -> bool {
        matches!(self, Self::Resources(_))
    }

    /// Finds what such an update breaks, compared with the pod as it was.
    pub fn find_raised(&self, pod: &Pod<'_>, old: &Pod<'_>, found: &mut Findings) {
        if let Self::Resources(demanded) = self {
            resources::find_raised(demanded, pod, old, found);
        }
    }

    /// What a pod breaks; empty where it complies.
    pub fn findings(&self, pod: &Pod<'_>) -> Findings {
        let mut found = Findings::new(Caps::REPORT);
        self.find(pod, &Images::of(pod), &mut found);
        found
    }

    /// Finds what a pod breaks whose images are known, or will be to the next rule.
    pub fn find(&self, pod: &Pod<'_>, images: &Images<'_, '_>, found: &mut Findings) {
        match self {
            Self::ReadOnlyRootFilesystem => read_only_root_filesystem::find(pod, found),
            Self::ServiceAccountToken => service_account_token::find(pod, found),
            Self::DefaultServiceAccount => default_service_account::find(pod, found),
            Self::AppArmorProfile(allowed) => app_armor_profile::find(allowed, pod, found),
            Self::SeccompLocalhost(allowed) => seccomp_localhost::find(allowed, pod, found),
            Self::SeLinux(allowed) => se_linux::find(allowed, pod, found),
            Self::Resources(demanded) => resources::find(demanded, pod, found),
            Self::ImageRegistries(allowed) => image_registries::find(allowed, images, found),
            Self::ImageTag => image_tag::find(images, found),
            Self::ImageDigest => image_digest::find(images, found),
            Self::RunAsGroup(allowed) => run_as_group::find(allowed, pod, found),
            Self::RunAsUserRange(allowed) => run_as_user_range::find(allowed, pod, found),
            Self::UserNamespaces => user_namespaces::find(pod, found),
            Self::AddedCapabilities(allowed) => added_capabilities::find(allowed, pod, found),
            Self::HostPaths(allowed) => host_paths::find(allowed, pod, found),
            Self::HostPorts(allowed) => host_ports::find(allowed, pod, found),
        }
    }
}
