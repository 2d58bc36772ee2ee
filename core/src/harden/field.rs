//! The rows of the hardening table by name, and a row as it applies to one place.

use std::borrow::Cow;

use crate::pss::Place;

use super::{empty_dirs::EmptyDir, resources::Resources};

/// One field of the hardening table, and the default that is added to it.
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
    /// `automountServiceAccountToken: false`, and the token that was mounted already goes.
    NoServiceAccountToken,
    /// An `emptyDir` at each of some paths of a container whose root becomes read-only.
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

    /// The field's name: a metric's label.
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

    /// The id of the control or rule that a pod without this default breaks.
    pub fn requirement(self) -> Option<&'static str> {
        match self {
            Self::RunAsNonRoot => Some("runAsNonRoot"),
            Self::SeccompProfile => Some("seccompProfile_restricted"),
            Self::DropCapabilities => Some("capabilities_restricted"),
            Self::NoPrivilegeEscalation => Some("allowPrivilegeEscalation"),
            // The directories come with the read-only root, and never without it.
            Self::ReadOnlyRootFilesystem | Self::EmptyDirs => Some("rules/readOnlyRootFilesystem"),
            Self::NoServiceAccountToken => Some("rules/serviceAccountToken"),
            Self::AppArmorProfile => Some("rules/appArmorProfile"),
            Self::UserNamespace => Some("rules/userNamespaces"),
            Self::Resources => Some("rules/resources"),
        }
    }
}

/// A default that is to be added, and where: the pod or one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub place: Place,
    /// What.
    pub field: Field,
    /// Of the fields that are not the same everywhere.
    pub values: Values,
}

/// What a field becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// What it always does.
    Fixed,
    /// Of [`Field::EmptyDirs`].
    EmptyDirs(Vec<EmptyDir>),
    /// Of [`Field::Resources`].
    Resources(Resources),
}

impl Change {
    pub(super) fn fixed(place: Place, field: Field) -> Self {
        Self { place, field, values: Values::Fixed }
    }

    /// The directories that it mounts: each takes a volume of the pod.
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
    fn what_is_set_is_told_as_people_write_it() {
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
