//! The security contexts of pods and containers, as far as they are read.
#![allow(missing_docs, reason = "fields are the Kubernetes API's own, documented there")]

use serde::Deserialize;

use super::text::{List, Text};

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

/// `capabilities`: exact names without `CAP_`.
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
    /// Only for type `Localhost`.
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
