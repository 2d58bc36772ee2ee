//! What manifests are judged by.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use crate::{
    config::Config,
    policy::{Context, EffectivePolicy, Exceptions, ExceptionsAt, Form, Requirement, Subject},
    pss::{self, Caps, Level, LevelVersion, Levels, Minor, NEWEST, Pod, Version},
    rules::Mode,
};

use super::Identity;

/// What a configuration and the labels of namespaces come to, and what of it is judged.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Users do not stand in manifests: their exemptions have no effect.
    pub config: Arc<Config>,
    /// What is known of namespaces.
    pub labels: Labels,
    /// What is excepted.
    pub exceptions: Arc<Exceptions>,
    /// The moment at which it is asked whether exceptions hold.
    pub now: SystemTime,
    /// Whether an object that says what made it is believed.
    pub owners: Owners,
    /// The namespace of what says none.
    pub namespace: String,
    /// Replaces the levels that a namespace enforces.
    pub level: Option<Levels>,
    /// Replaces their versions.
    pub version: Option<Version>,
    /// What `latest` means.
    pub newest: Minor,
    /// What is judged.
    pub form: Form,
    /// By which levels.
    pub modes: Modes,
    /// What breaks this level is an error, what only breaks a higher one a warning. Nothing breaks privileged.
    pub fail_on: Level,
    /// Whether it is told what led to each verdict.
    pub is_traced: bool,
    /// How many findings are kept of each requirement that a workload breaks.
    pub caps: Caps,
}

/// What an object says of what made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Anybody can write it into a manifest.
    Ignored,
    /// It stands in a cluster, whose controllers wrote it.
    Believed,
}

/// The labels that namespaces have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// By the namespace's name.
    pub known: BTreeMap<String, BTreeMap<String, String>>,
    /// Of all others.
    pub others: BTreeMap<String, String>,
}

/// What the pods of one namespace are judged by.
#[derive(Clone, Debug)]
pub struct Basis {
    /// Rules, and what is relaxed.
    pub policy: EffectivePolicy,
    /// As asked for.
    pub asked: Levels,
    /// What `latest` means, and newer versions.
    pub newest: Minor,
}

impl Basis {
    /// What is judged by: `restricted:v1.37`.
    pub fn judged(&self) -> Levels {
        self.asked.resolve(self.newest).shown()
    }
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

/// Which modes of a namespace's policy are judged by. Rules are, in all modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// Violations are of what the namespace enforces.
    Enforce,
    /// And then of what it audits or warns of, as [`Severity::Warning`]: of each control once.
    All,
}

impl Policy {
    /// What the configuration enforces, unless a level or a version replaces it. A level without a version is
    /// its latest. `cluster` is the version of the cluster, where it is known: `latest` is no newer than that.
    pub fn new(
        config: impl Into<Arc<Config>>,
        level: Option<Level>,
        version: Option<Version>,
        cluster: Option<Minor>,
        now: SystemTime,
    ) -> Self {
        Self {
            config: config.into(),
            labels: Labels::default(),
            exceptions: Arc::default(),
            now,
            owners: Owners::Ignored,
            namespace: String::new(),
            level: level.map(|level| LevelVersion::latest(level).into()),
            version,
            newest: cluster.map_or(NEWEST, |cluster| cluster.min(NEWEST)),
            form: Form::Written,
            modes: Modes::Enforce,
            fail_on: Level::Restricted,
            is_traced: false,
            caps: Caps::REPORT,
        }
    }

    /// What every judgement shares.
    pub fn context(&self) -> Context<'_> {
        let excepted = ExceptionsAt { exceptions: Some(&self.exceptions), now: self.now };
        Context { config: &self.config, newest: self.newest, excepted }
    }

    /// What the pods of a namespace are judged by.
    pub fn basis(&self, namespace: &str) -> Basis {
        let labels = self.labels.known.get(namespace).unwrap_or(&self.labels.others);
        let policy = self.context().policy(namespace, labels);
        let asked = self.level.unwrap_or(policy.modes.enforce);
        let asked = self.version.map_or(asked, |version| asked.at(version));
        Basis { policy, asked, newest: self.newest }
    }

    /// The levels of each mode.
    pub(super) fn levels(&self, basis: &Basis) -> pss::Policy {
        let (enforce, none) = (basis.asked, Levels::PRIVILEGED);
        match self.modes {
            Modes::Enforce => pss::Policy { enforce, audit: none, warn: none },
            Modes::All => pss::Policy { enforce, ..basis.policy.modes },
        }
    }

    /// What exceptions are asked about.
    pub fn subject<'s>(&self, identity: &'s Identity, pod: &'s Pod<'s>) -> Subject<'s> {
        let namespace = identity.namespace.as_str();
        match (identity.kind.as_str(), self.owners) {
            ("Pod", Owners::Ignored) => Subject::made_by(pod, namespace, None),
            ("Pod", Owners::Believed) => Subject::as_it_says(pod, namespace),
            (kind, _) => Subject::of_template(pod, namespace, kind, &identity.name),
        }
    }

    /// How bad it is to break a requirement of a mode.
    pub(super) fn severity(&self, requirement: Requirement, mode: Mode) -> Severity {
        let is_error = |level: Level| level <= self.fail_on;
        match mode == Mode::Enforce && requirement.level().is_none_or(is_error) {
            true => Severity::Error,
            false => Severity::Warning,
        }
    }
}
