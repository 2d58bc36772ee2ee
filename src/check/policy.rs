//! What manifests are judged by.

use crate::{
    config::{Config, Exemptions},
    pss::{Level, LevelVersion, Minor, NEWEST, Version},
};

/// One level in one version for all, and what is exempt of it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// As asked for.
    pub asked: LevelVersion,
    /// The version that is judged by.
    pub version: Minor,
    /// Of the configuration. Users do not stand in manifests: their exemptions have no effect.
    pub exemptions: Exemptions,
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
        Self { asked, version: asked.version.resolve(newest), exemptions: config.exemptions }
    }

    /// What is judged by: `restricted:v1.37`.
    pub fn judged(&self) -> LevelVersion {
        LevelVersion { level: self.asked.level, version: Version::V1(self.version) }
    }
}
