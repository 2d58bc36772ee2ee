//! What manifests are judged by.

use crate::{
    admission::Exemption,
    config::{Config, Exemptions},
    harden,
    pss::{Control, Level, LevelVersion, Minor, NEWEST, Pod, Version},
};

use super::Identity;

/// One level in one version for all, what is exempt of it, and what hardening would add.
#[derive(Clone, Debug)]
pub struct Policy {
    /// As asked for.
    pub asked: LevelVersion,
    /// The version that is judged by.
    pub version: Minor,
    /// Of the configuration. Users do not stand in manifests: their exemptions have no effect.
    pub exemptions: Exemptions,
    /// What `/mutate` would add.
    pub harden: harden::Settings,
    /// What is judged.
    pub judges: Judges,
    /// What breaks this level is an error, what only breaks a higher one a warning. Nothing breaks privileged.
    pub fail_on: Level,
}

/// How bad a violation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is told.
    Warning,
    /// It makes the command fail.
    Error,
}

impl Severity {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What of a pod is held against the level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judges {
    /// The pod as it is written.
    #[default]
    Written,
    /// The pod as it will be after hardening.
    Hardened,
}

impl Policy {
    /// What the configuration enforces, unless a level or a version replaces it. A level without a version is
    /// its latest. `cluster` is the version of the cluster, where it is known: `latest` is no newer than that.
    pub fn new(
        config: Config,
        level: Option<Level>,
        version: Option<Version>,
        cluster: Option<Minor>,
    ) -> Self {
        let mut asked = config.defaults.enforce;
        if let Some(level) = level {
            asked = LevelVersion::latest(level);
        }
        if let Some(version) = version {
            asked.version = version;
        }
        let newest = cluster.map_or(NEWEST, |cluster| cluster.min(NEWEST));
        Self {
            asked,
            version: asked.version.resolve(newest),
            exemptions: config.exemptions,
            harden: config.harden,
            judges: Judges::Written,
            fail_on: Level::Restricted,
        }
    }

    /// What is judged by: `restricted:v1.37`.
    pub fn judged(&self) -> LevelVersion {
        LevelVersion { level: self.asked.level, version: Version::V1(self.version) }
    }

    /// How bad it is to break a control.
    pub fn severity(&self, control: &Control) -> Severity {
        if control.level <= self.fail_on { Severity::Error } else { Severity::Warning }
    }

    /// Why an object is not judged, if it is not.
    pub fn exemption(&self, identity: &Identity, pod: Option<&Pod<'_>>) -> Option<Exemption> {
        if self.exemptions.namespace(&identity.namespace) {
            return Some(Exemption::Namespace);
        }
        let class = &pod?.spec.runtime_class_name;
        self.exemptions.runtime_class(class).then_some(Exemption::RuntimeClass)
    }
}
