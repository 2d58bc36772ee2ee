//! The rows of the hardening table, and their application to one place.

use std::{borrow::Cow, sync::Arc};

use crate::pss::Place;

use super::{empty_dirs::EmptyDir, resources::Resources};

/// A row of the hardening table: a field, and the default that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `runAsNonRoot: true`.
    RunAsNonRoot,
    /// `seccompProfile.type: RuntimeDefault`.
    SeccompProfile,
    /// `ALL` in `capabilities.drop`.
    DropCapabilities,
    /// `allowPrivilegeEscalation: false`.
    NoPrivilegeEscalation,
    /// `readOnlyRootFilesystem: true`.
    ReadOnlyRootFilesystem,
    /// `automountServiceAccountToken: false`; also removes a token that was mounted already.
    NoServiceAccountToken,
    /// An `emptyDir` at some paths of a container whose root becomes read-only.
    EmptyDirs,
    /// `appArmorProfile.type: RuntimeDefault`.
    AppArmorProfile,
    /// `hostUsers: false`.
    UserNamespace,
    /// Requests and limits.
    Resources,
}

impl Field {
    /// Every field, in the table's order.
    pub const ALL: [Self; 10] = [
        Self::RunAsNonRoot,
        Self::SeccompProfile,
        Self::DropCapabilities,
        Self::NoPrivilegeEscalation,
        Self::ReadOnlyRootFilesystem,
        Self::NoServiceAccountToken,
        Self::EmptyDirs,
        Self::AppArmorProfile,
        Self::UserNamespace,
        Self::Resources,
    ];

    /// The field's name as a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::RunAsNonRoot => "runAsNonRoot",
            Self::SeccompProfile => "seccompProfile",
            Self::DropCapabilities => "capabilities",
            Self::NoPrivilegeEscalation => "allowPrivilegeEscalation",
            Self::ReadOnlyRootFilesystem => "readOnlyRootFilesystem",
            Self::NoServiceAccountToken => "automountServiceAccountToken",
            Self::EmptyDirs => "emptyDirs",
            Self::AppArmorProfile => "appArmorProfile",
            Self::UserNamespace => "hostUsers",
            Self::Resources => "resources",
        }
    }

    /// The id of the control or rule that a pod without this default violates.
    pub fn requirement(self) -> Option<&'static str> {
        match self {
            Self::RunAsNonRoot => Some("runAsNonRoot"),
            Self::SeccompProfile => Some("seccompProfile_restricted"),
            Self::DropCapabilities => Some("capabilities_restricted"),
            Self::NoPrivilegeEscalation => Some("allowPrivilegeEscalation"),
            // The directories are only added together with the read-only root.
            Self::ReadOnlyRootFilesystem | Self::EmptyDirs => Some("rules/readOnlyRootFilesystem"),
            Self::NoServiceAccountToken => Some("rules/serviceAccountToken"),
            Self::AppArmorProfile => Some("rules/appArmorProfile"),
            Self::UserNamespace => Some("rules/userNamespaces"),
            Self::Resources => Some("rules/resources"),
        }
    }
}

/// A default to add, and the place: the pod or one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingDefault {
    /// The place.
    pub place: Place,
    /// The field.
    pub field: Field,
    /// The values, for fields with varying ones.
    pub values: Values,
}

/// The values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// Always the same.
    Fixed,
    /// For [`Field::EmptyDirs`].
    EmptyDirs(Vec<EmptyDir>),
    /// For [`Field::Resources`].
    Resources(Arc<Resources>),
}

impl MissingDefault {
    pub(super) fn fixed(place: Place, field: Field) -> Self {
        Self { place, field, values: Values::Fixed }
    }

    /// The directories that it mounts. Each needs a volume of the pod.
    pub fn empty_dirs(&self) -> &[EmptyDir] {
        match &self.values {
            Values::EmptyDirs(all) => all,
            Values::Fixed | Values::Resources(_) => &[],
        }
    }

    /// What is set, as a person would write it.
    pub fn assignment(&self) -> Cow<'static, str> {
        match &self.values {
            Values::EmptyDirs(all) => {
                let paths: Vec<_> = all.iter().map(|one| format!("{:?}", one.path())).collect();
                Cow::Owned(format!("emptyDirs=[{}]", paths.join(",")))
            }
            Values::Resources(resources) => {
                let set = resources.iter();
                let set: Vec<_> = set
                    .map(|(list, name, amount)| format!("resources.{list}.{name}={amount}"))
                    .collect();
                Cow::Owned(set.join(", "))
            }
            Values::Fixed => Cow::Borrowed(match self.field {
                Field::RunAsNonRoot => "runAsNonRoot=true",
                Field::SeccompProfile => "seccompProfile.type=RuntimeDefault",
                Field::DropCapabilities => "capabilities.drop=[\"ALL\"]",
                Field::NoPrivilegeEscalation => "allowPrivilegeEscalation=false",
                Field::ReadOnlyRootFilesystem => "readOnlyRootFilesystem=true",
                Field::NoServiceAccountToken => "automountServiceAccountToken=false",
                Field::AppArmorProfile => "appArmorProfile.type=RuntimeDefault",
                Field::UserNamespace => "hostUsers=false",
                Field::EmptyDirs | Field::Resources => self.field.name(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        harden::{MountPath, Resource, Scope, Settings, plan},
        pss::Pod,
    };

    #[test]
    fn fixes_name_values_as_users_write_them() {
        let settings = Settings {
            read_only_root_filesystem: true,
            empty_dirs: ["/tmp", "/var/run"].map(|path| MountPath::parse(path).unwrap()).into(),
            app_armor_profile: true,
            user_namespace: true,
            resources: super::Resources {
                requests: [(Resource::Cpu, "10m".parse().unwrap())].into(),
                limits: [(Resource::Memory, "256Mi".parse().unwrap())].into(),
            },
            ..Settings::default()
        };
        let pod: Pod<'_> =
            serde_json::from_str(r#"{"spec":{"containers":[{"name":"web"}]}}"#).unwrap();
        let changes = plan(&pod, &settings, Scope::Create);
        let told: Vec<_> = changes.iter().map(|change| change.assignment()).collect();
        assert_eq!(
            told,
            [
                "runAsNonRoot=true",
                "seccompProfile.type=RuntimeDefault",
                "capabilities.drop=[\"ALL\"]",
                "allowPrivilegeEscalation=false",
                "readOnlyRootFilesystem=true",
                "appArmorProfile.type=RuntimeDefault",
                "hostUsers=false",
                "emptyDirs=[\"/tmp\",\"/var/run\"]",
                "resources.requests.cpu=10m, resources.limits.memory=256Mi",
            ]
        );
    }
}
