//! Hardening settings: the `harden` block of the configuration.

use super::{empty_dirs::MountPath, resources::Resources};

words! {
    /// What hardening does in a namespace.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Mode {
        /// Applies if the namespace enforces restricted, reports otherwise.
        Auto = "auto",
        /// Applies unless enforce, audit and warn are all privileged.
        Apply = "apply",
        /// Reports what would be set.
        Report = "report",
        /// Does nothing.
        Off = "off",
    }
}

/// The namespace label that overrides the configuration's mode.
pub const MODE_LABEL: &str = "portcullis.dev/harden";

/// The mode, and the enabled rows of the hardening table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The mode, unless the namespace's label overrides it.
    pub mode: Mode,
    /// Adds `runAsNonRoot: true`.
    pub run_as_non_root: bool,
    /// Adds `seccompProfile.type: RuntimeDefault`.
    pub seccomp_profile: bool,
    /// Adds `ALL` to `capabilities.drop`.
    pub drop_capabilities: bool,
    /// Adds `allowPrivilegeEscalation: false`.
    pub no_privilege_escalation: bool,
    /// Adds `readOnlyRootFilesystem: true`. Off by default: it breaks apps that write to their root.
    pub read_only_root_filesystem: bool,
    /// Adds `automountServiceAccountToken: false` and removes the token that is already there.
    pub no_service_account_token: bool,
    /// Paths that stay writable in a container whose root becomes read-only. No two overlap.
    pub empty_dirs: Vec<MountPath>,
    /// Adds `appArmorProfile.type: RuntimeDefault`. Off by default: a kubelet without AppArmor rejects such pods.
    pub app_armor_profile: bool,
    /// Adds `hostUsers: false`. Off by default: not every node and volume supports it.
    pub user_namespace: bool,
    /// Amounts to add to containers that lack them. No request is above the limit of the same resource.
    pub resources: Resources,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            run_as_non_root: true,
            seccomp_profile: true,
            drop_capabilities: true,
            no_privilege_escalation: true,
            read_only_root_filesystem: false,
            no_service_account_token: false,
            empty_dirs: Vec::new(),
            app_armor_profile: false,
            user_namespace: false,
            resources: Resources::default(),
        }
    }
}
