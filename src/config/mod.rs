//! The configuration: what is in force without a file, and the two kinds of file. Strict: what is not
//! understood is an error that names file, line and what is allowed, never a guess. Flags are added by
//! whoever starts the server, through [`Overrides`].

mod document;
mod error;
pub(crate) mod fields;
mod hardening;
mod policies;
mod reload;
mod rules;
#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod tests;
pub(crate) mod tree;

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use crate::{
    exceptions, harden, policy,
    pss::{Level, LevelVersion, Policy},
};

pub use error::{ConfigError, Problem};
pub use reload::{Change, Live, Status};

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// All that a file can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether anything is denied or changed at all.
    pub mode: Mode,
    /// The policy of a namespace without labels.
    pub defaults: Policy,
    /// What is not judged.
    pub exemptions: Exemptions,
    /// Which defaults are added, and where.
    pub harden: harden::Settings,
    /// Rules, profiles and the floor.
    pub policies: Arc<policy::Settings>,
    /// Whose exceptions are honoured.
    pub exceptions: exceptions::Settings,
}

impl Config {
    /// What is in force without a file: enforce baseline, audit and warn restricted, harden auto.
    pub fn embedded() -> Self {
        Self {
            mode: Mode::Enforce,
            defaults: Policy {
                enforce: LevelVersion::latest(Level::Baseline),
                audit: LevelVersion::latest(Level::Restricted),
                warn: LevelVersion::latest(Level::Restricted),
            },
            exemptions: Exemptions::default(),
            harden: harden::Settings::default(),
            policies: Arc::default(),
            exceptions: exceptions::Settings::default(),
        }
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
    fn upstream() -> Self {
        Self {
            defaults: Policy::PRIVILEGED,
            harden: harden::Settings { mode: harden::Mode::Off, ..harden::Settings::default() },
            ..Self::embedded()
        }
    }

    /// Reads YAML or JSON. `file` names it in errors; the `path` of an AdmissionConfiguration is relative
    /// to it. As upstream, a text without a single byte is a PodSecurityConfiguration that sets nothing.
    ///
    /// # Errors
    /// All that is wrong with it, where, and what is allowed.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        Ok(document::read(text, file)?.unwrap_or_else(Self::upstream))
    }

    /// Reads a file of at most [`MAX_FILE`] bytes, as [`Config::parse`] does its text.
    ///
    /// # Errors
    /// A file that cannot be read, is too large or is not UTF-8, and all that is wrong in it.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::parse(&text_of(file)?, file)
    }
}

pub(crate) fn text_of(file: &Path) -> Result<String, ConfigError> {
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|open| open.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| ConfigError::of_file(file, &unreadable(&error)))?;
    if bytes.len() as u64 > MAX_FILE {
        let text = format!("is larger than the {MAX_FILE} bytes that are allowed");
        return Err(ConfigError::of_file(file, &text));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ConfigError::of_file(file, &format!("must be UTF-8, but byte {at} is not"))
    })
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

/// Whether the server acts on what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Violations of enforce are denied, hardening patches.
    Enforce,
    /// Nothing is denied or changed, all of it is reported.
    DryRun,
}

impl Mode {
    /// The word used in the configuration, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::DryRun => "dry-run",
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
#[error("must be one of enforce, dry-run")]
pub struct InvalidMode;

impl std::str::FromStr for Mode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "dry-run" => Ok(Self::DryRun),
            _ => Err(InvalidMode),
        }
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
