//! The configuration as a value: what is in force without a file, and what one can say. Files are read elsewhere, and
//! the command adds its flags through [`Overrides`].

mod profile;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    exceptions::ExceptionSettings,
    harden,
    pss::{Defaults, Level, LevelVersion},
    workloads::{Kinds, WorkloadKind},
};

pub use profile::{Floor, PROFILE_LABEL, Profile, Settings, is_read};

/// All that a file can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether anything is denied or changed at all.
    pub mode: Mode,
    /// The policy of a namespace without labels.
    pub defaults: Defaults,
    /// What is not judged.
    pub exemptions: Exemptions,
    /// Which defaults are added, and where.
    pub harden: harden::Settings,
    /// Rules, profiles and the floor.
    pub policies: Arc<Settings>,
    /// Which exceptions apply.
    pub exceptions: ExceptionSettings,
    /// Kinds that hold pods, in addition to the table.
    pub workloads: Arc<[WorkloadKind]>,
}

impl Config {
    /// What is in force without a file: enforce baseline, audit and warn restricted, harden auto.
    pub fn embedded() -> Self {
        Self {
            mode: Mode::Enforce,
            defaults: Defaults {
                enforce: LevelVersion::latest(Level::Baseline),
                audit: LevelVersion::latest(Level::Restricted),
                warn: LevelVersion::latest(Level::Restricted),
            },
            exemptions: Exemptions::default(),
            harden: harden::Settings::default(),
            policies: Arc::default(),
            exceptions: ExceptionSettings::default(),
            workloads: Arc::default(),
        }
    }

    /// The kinds that hold pods.
    pub fn kinds(&self) -> Kinds<'_> {
        Kinds { more: &self.workloads }
    }

    /// What `--standalone` alone starts from: the embedded one, but enforce restricted, so that a first try
    /// shows a denial.
    pub fn standalone() -> Self {
        let mut config = Self::embedded();
        config.defaults.enforce = LevelVersion::latest(Level::Restricted);
        config
    }

    /// A PodSecurityConfiguration that sets nothing, and what upstream makes of an empty file: everything
    /// is privileged. Hardening is off.
    pub fn upstream() -> Self {
        Self {
            defaults: Defaults::PRIVILEGED,
            harden: harden::Settings { mode: harden::Mode::Off, ..harden::Settings::default() },
            ..Self::embedded()
        }
    }
}

words! {
    /// Whether the server acts on what it finds.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Mode {
        /// Violations of enforce are denied, hardening patches.
        Enforce = "enforce",
        /// Nothing is denied or changed, all of it is reported.
        DryRun = "dry-run",
    }
}

/// What is not judged. Names match exactly: no groups, no patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exemptions {
    /// Users who are not judged.
    pub usernames: BTreeSet<String>,
    /// Namespaces in which nothing is judged.
    pub namespaces: BTreeSet<String>,
    /// Runtime classes whose pods are not judged.
    pub runtime_classes: BTreeSet<String>,
}

impl Exemptions {
    /// Whether this user is exempt. An empty name never is.
    pub fn user(&self, name: &str) -> bool {
        !name.is_empty() && self.usernames.contains(name)
    }

    /// Whether this namespace is exempt. An empty name never is.
    pub fn namespace(&self, name: &str) -> bool {
        !name.is_empty() && self.namespaces.contains(name)
    }

    /// Whether this runtime class is exempt. An empty name never is.
    pub fn runtime_class(&self, name: &str) -> bool {
        !name.is_empty() && self.runtime_classes.contains(name)
    }
}

/// What flags put over every configuration that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Switches dry run on. Not set, the file decides.
    pub dry_run: bool,
    /// Replaces the mode of hardening.
    pub harden: Option<harden::Mode>,
}

impl Overrides {
    /// The configuration as it comes into force.
    #[must_use]
    pub fn over(self, mut config: Config) -> Config {
        if self.dry_run {
            config.mode = Mode::DryRun;
        }
        if let Some(mode) = self.harden {
            config.harden.mode = mode;
        }
        config
    }
}
