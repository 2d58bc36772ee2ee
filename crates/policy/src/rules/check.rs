//! A rule with its settings, and the consequence of a violation.

use std::collections::BTreeSet;

use crate::{
    pattern::Patterns,
    pss::{FindingLimits, Findings, Pod},
};

use super::{
    added_capabilities, app_armor_profile, app_armor_profile::AppArmor, default_service_account,
    host_paths, host_paths::HostPath, host_ports, image::Images, image_digest, image_registries,
    image_registries::Registries, image_tag, ranges::Ranges, read_only_root_filesystem, resources,
    resources::Resources, rule::Rule, run_as_group, run_as_user_range, se_linux, seccomp_localhost,
    service_account_token, user_namespaces,
};

/// A rule that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The consequence of a violation.
    pub mode: Mode,
    /// The rule and its settings.
    pub check: Check,
}

words! {
    /// The consequence of a violation. There is no value for "off": such a rule is not in force.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Mode {
        /// The client gets a warning.
        Warn = "warn",
        /// The audit log records it.
        Audit = "audit",
        /// The pod is denied.
        Enforce = "enforce",
    }
}

/// A rule with its settings, one variant per rule, in the table's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Every container has a read-only root file system.
    ReadOnlyRootFilesystem,
    /// The pod has no token of the default service account.
    ServiceAccountToken,
    /// The pod has a service account of its own.
    DefaultServiceAccount,
    /// Every container has one of these AppArmor profiles.
    AppArmorProfile(AppArmor),
    /// Seccomp profiles of the node are limited to these.
    SeccompLocalhost(Patterns),
    /// SELinux types are limited to these.
    SeLinux(Patterns),
    /// Containers have requests and limits, within bounds.
    Resources(Resources),
    /// Images come only from these registries and repositories.
    ImageRegistries(Registries),
    /// Images have a tag other than `latest`.
    ImageTag,
    /// Images have a digest.
    ImageDigest,
    /// Containers run with one of these groups.
    RunAsGroup(Ranges),
    /// Containers run as one of these users.
    RunAsUserRange(Ranges),
    /// The pod has `hostUsers: false`.
    UserNamespaces,
    /// Added capabilities are limited to these.
    AddedCapabilities(BTreeSet<String>),
    /// Mounted paths of the node are limited to these.
    HostPaths(Vec<HostPath>),
    /// Opened ports of the node are limited to these.
    HostPorts(Ranges),
}

impl Check {
    /// The rule without its settings.
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

    /// Whether a resize can violate it, that is an update that changes neither containers nor images.
    pub fn is_of_resize(&self) -> bool {
        matches!(self, Self::Resources(_))
    }

    /// Finds the violations of such an update, compared with the old pod.
    pub fn find_raised(&self, pod: &Pod<'_>, old: &Pod<'_>, found: &mut Findings) {
        if let Self::Resources(demanded) = self {
            resources::find_raised(demanded, pod, old, found);
        }
    }

    /// The violations of a pod; empty if it complies.
    pub fn findings(&self, pod: &Pod<'_>) -> Findings {
        let mut found = Findings::new(FindingLimits::REPORT);
        self.find(pod, &Images::of(pod), &mut found);
        found
    }

    /// Finds the violations of a pod. `images` caches its parsed images between rules.
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
