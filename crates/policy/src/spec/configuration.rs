//! The configuration files: our own, and kube-apiserver's PodSecurityConfiguration.

use std::{collections::BTreeMap, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{
    config, dns,
    harden::{self, Amount, MountPath},
    pattern::Pattern,
    pss::{Level, Version},
};

use super::{
    Allow, ApiVersion, List, Rules, Set, Workloads,
    list::{Collection, wrong},
    rules::MOST_PATTERNS,
    text::{Written, label, one_of, pattern, version},
};

/// Configuration of Portcullis.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("required" = ["apiVersion", "kind"]))]
pub struct Configuration {
    /// The version of this form.
    pub api_version: Option<ApiVersion>,
    /// The kind of this form.
    pub kind: Option<ConfigurationKind>,
    /// Whether violations are denied and pods changed, or only reported.
    pub mode: Option<config::Mode>,
    /// The policy of a namespace without labels.
    pub defaults: Defaults,
    /// What is not judged.
    pub exemptions: Exemptions,
    /// The defaults to add, and where.
    pub harden: Harden,
    /// Rules beyond the Standard, for every namespace.
    pub rules: Rules,
    /// Named policies that namespaces select by the label portcullis.dev/profile.
    #[schemars(extend("propertyNames" = label()))]
    pub profiles: BTreeMap<String, Profile>,
    /// The level that pods must meet, whatever labels say.
    pub floor: Option<Floor>,
    /// The namespaces whose PolicyExceptions apply.
    pub exceptions: ExceptionSources,
    /// Kinds of custom resources that describe pods, in addition to those that the build knows.
    pub workloads: List<Workloads, 64>,
}

/// kube-apiserver's configuration of its PodSecurity plugin.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs, reason = "Kubernetes' own fields")]
pub struct PodSecurityConfiguration {
    pub api_version: String,
    pub kind: String,
    pub defaults: Defaults,
    pub exemptions: Exemptions,
}

/// The policy of a namespace without labels.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Defaults {
    /// The level that is enforced.
    pub enforce: Option<Level>,
    /// The policy version of that level.
    pub enforce_version: Option<Version>,
    /// The level whose violations are recorded in the audit log.
    pub audit: Option<Level>,
    /// The policy version of that level.
    pub audit_version: Option<Version>,
    /// The level whose violations are returned to the user as warnings.
    pub warn: Option<Level>,
    /// The policy version of that level.
    pub warn_version: Option<Version>,
}

/// What is not judged.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Exemptions {
    /// Users whose requests are not judged.
    pub usernames: Set<UserName, { usize::MAX }>,
    /// Namespaces whose pods are not judged.
    pub namespaces: Set<NamespaceName, { usize::MAX }>,
    /// Runtime classes whose pods are not judged.
    pub runtime_classes: Set<RuntimeClassName, { usize::MAX }>,
}

/// The defaults to add, and where.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Harden {
    /// Where defaults are added: auto is in namespaces that enforce restricted.
    pub mode: Option<harden::Mode>,
    /// Whether `runAsNonRoot: true` is added.
    pub run_as_non_root: Option<bool>,
    /// The profile that is added, or Unset.
    pub seccomp_profile: Option<RuntimeDefault>,
    /// Whether `capabilities.drop: [ALL]` is added.
    pub drop_capabilities: Option<bool>,
    /// `false` adds `allowPrivilegeEscalation: false`.
    pub allow_privilege_escalation: Option<bool>,
    /// Whether `readOnlyRootFilesystem: true` is added.
    pub read_only_root_filesystem: Option<bool>,
    /// Directories that stay writable in a container with a read-only root.
    pub empty_dirs: List<EmptyDirs, MOST_EMPTY_DIRS>,
    /// `false` removes the token from pods that use the default service account.
    pub automount_service_account_token: Option<bool>,
    /// The profile that is added, or Unset.
    pub app_armor_profile: Option<RuntimeDefault>,
    /// `false` adds `hostUsers: false`.
    pub host_users: Option<bool>,
    /// Amounts for containers that lack them.
    pub resources: DefaultResources,
}

/// Amounts for containers that lack them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DefaultResources {
    /// Default requests.
    pub requests: Amounts,
    /// Default limits.
    pub limits: Amounts,
}

/// An amount of each resource.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Amounts {
    /// CPU, in cores.
    pub cpu: Option<Amount>,
    /// Disk, in bytes.
    pub ephemeral_storage: Option<Amount>,
    /// Memory, in bytes.
    pub memory: Option<Amount>,
}

/// A named policy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["level"]))]
pub struct Profile {
    /// The level that is enforced.
    pub level: Option<Level>,
    /// The policy version of that level.
    pub version: Option<Version>,
    /// The namespaces that may select it; "*" stands for any characters. All if empty.
    pub namespaces: List<Names, MOST_PATTERNS>,
    /// What pods may do beyond the level.
    pub allow: Option<Allow<0>>,
    /// Rules in addition to those of the configuration.
    pub require: Rules,
}

/// The level that pods must meet, whatever labels say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("required" = ["level"]))]
pub struct Floor {
    /// The level.
    pub level: Option<Level>,
    /// The policy version of that level.
    pub version: Option<Version>,
    /// The namespaces that it does not apply to; "*" stands for any characters.
    pub except_namespaces: List<Names, MOST_PATTERNS>,
}

/// The namespaces whose PolicyExceptions apply. None by default, because anyone who can write exceptions in one of them
/// can exempt any workload.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExceptionSources {
    /// The namespaces.
    pub namespaces: Set<NamespaceName, { usize::MAX }>,
    /// Whether an exception must have an expiry time; by default it must.
    pub require_expiry: Option<bool>,
}

/// Names and patterns of names.
#[derive(Clone, Debug, Default)]
pub struct Names(pub Vec<Pattern>);

impl Collection for Names {
    type Item = Pattern;

    const KIND: &'static str = "atomic";

    fn add(&mut self, pattern: Pattern) -> Result<(), String> {
        self.0.push(pattern);
        Ok(())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        Pattern::schema()
    }
}

/// Directories that do not overlap.
#[derive(Clone, Debug, Default)]
pub struct EmptyDirs(pub Vec<MountPath>);

/// Maximum number of directories per container: each needs a volume of the pod.
const MOST_EMPTY_DIRS: usize = 8;

impl Collection for EmptyDirs {
    type Item = MountPath;

    fn add(&mut self, path: MountPath) -> Result<(), String> {
        if let Some(other) = self.0.iter().find(|other| other.overlaps(&path)) {
            let why = format!("must not overlap {:?}: leave one of them out", other.as_str());
            return Err(wrong(path.as_str(), why));
        }
        self.0.push(path);
        Ok(())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        MountPath::schema()
    }
}

/// Whether the profile RuntimeDefault is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeDefault(pub bool);

impl FromStr for RuntimeDefault {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "RuntimeDefault" => Ok(Self(true)),
            "Unset" => Ok(Self(false)),
            _ => Err("must be one of RuntimeDefault, Unset"),
        }
    }
}

impl FromStr for MountPath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        Self::parse(text)
    }
}

texts! {
    /// The kind of a configuration.
    pub ConfigurationKind: |text| text == "Configuration" => "must be Configuration", one_of(["Configuration"]);
    /// The name of a user.
    pub UserName: |text| !text.is_empty() => "must not be empty", json_schema!({"type": "string", "minLength": 1});
    /// The name of a namespace.
    pub NamespaceName: dns::is_label => "must be a DNS-1123 label: lower-case letters, digits and \"-\", first and last a letter or digit, at most 63", label();
    /// The name of a runtime class.
    pub RuntimeClassName: dns::is_subdomain => "must be a DNS-1123 subdomain: lower-case letters, digits, \"-\" and \".\", each part's first and last a letter or digit, at most 253",
        json_schema!({"type": "string", "minLength": 1});
}

written! {
    Level: one_of(Level::ALL.map(Level::as_str));
    Version: version();
    config::Mode: one_of(config::Mode::ALL.map(config::Mode::as_str));
    harden::Mode: one_of(harden::Mode::ALL.map(harden::Mode::as_str));
    RuntimeDefault: one_of(["RuntimeDefault", "Unset"]);
    MountPath: pattern("^/.");
    Amount: json_schema!({"type": "string", "minLength": 1});
}
