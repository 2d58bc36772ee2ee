//! The policy for manifests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use crate::{
    config::Config,
    exceptions::{Exceptions, Subject},
    harden::{self, MODE_LABEL},
    namespace::EffectivePolicy,
    pss::{self, FindingLimits, Level, LevelVersion, Levels, Minor, NEWEST, Pod, Version},
    requirement::Requirement,
    rules::Mode,
    verdict::{Context, ExceptionsAt, Form},
};

use super::Identity;

/// A configuration, the labels of namespaces, and the choice of what is judged.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Manifests have no users, so exempt users have no effect.
    pub config: Arc<Config>,
    /// The labels of namespaces.
    pub labels: NamespaceLabels,
    /// The exceptions.
    pub exceptions: Arc<Exceptions>,
    /// The time that determines which exceptions have expired.
    pub now: SystemTime,
    /// Whether owner references of objects are trusted.
    pub owners: Owners,
    /// The namespace of manifests that set none.
    pub namespace: String,
    /// Overrides the levels that a namespace enforces.
    pub level: Option<Levels>,
    /// Overrides the versions of the levels.
    pub version: Option<Version>,
    /// The version that `latest` stands for.
    pub newest: Minor,
    /// The form that is judged.
    pub form: Form,
    /// The modes that are judged.
    pub modes: Modes,
    /// Violations of this level are errors, those of a higher level only warnings. No pod violates privileged.
    pub fail_on: Level,
    /// Whether lints are errors.
    pub fails_on_lints: bool,
    /// Whether the verdicts have a trace.
    pub is_traced: bool,
    /// How many findings to keep per violated requirement of a workload.
    pub caps: FindingLimits,
}

/// How owner references are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Ignored, because anyone can write them into a manifest.
    Ignored,
    /// Trusted, because the controllers of the cluster wrote them.
    Believed,
}

/// The labels of namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceLabels {
    /// Keyed by the namespace's name.
    pub known: BTreeMap<String, BTreeMap<String, String>>,
    /// Those of the known namespaces that the manifests define.
    pub defined: BTreeSet<String>,
    /// Whether all namespaces of a cluster are known.
    pub is_of_cluster: bool,
    /// The labels of all other namespaces.
    pub others: BTreeMap<String, String>,
}

impl NamespaceLabels {
    fn of(&self, namespace: &str) -> &BTreeMap<String, String> {
        self.known.get(namespace).unwrap_or(&self.others)
    }
}

/// The policy for the pods of one namespace.
#[derive(Clone, Debug)]
pub struct JudgedPolicy {
    /// Rules and relaxations.
    pub policy: EffectivePolicy,
    /// The requested levels.
    pub asked: Levels,
    /// The version that `latest` and newer versions stand for.
    pub newest: Minor,
}

impl JudgedPolicy {
    /// The levels with resolved versions: `restricted:v1.37`.
    pub fn judged(&self) -> Levels {
        self.asked.resolve(self.newest).shown()
    }
}

words! {
    /// The severity of a violation or a lint.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Severity {
        /// A lint, which has no effect on the verdict.
        Note = "note",
        /// It is reported.
        Warning = "warning",
        /// It makes the command fail.
        Error = "error",
    }
}

/// The modes of a namespace's policy that are judged. Rules are judged in all modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// The enforced levels.
    Enforce,
    /// Also the audit and warn levels, as [`Severity::Warning`], each control once.
    All,
}

impl Policy {
    /// The configuration's policy, optionally with another level or version. A level without a version means its
    /// latest. `cluster` is the version of the cluster, if known, and caps `latest`.
    pub fn new(
        config: impl Into<Arc<Config>>,
        level: Option<Level>,
        version: Option<Version>,
        cluster: Option<Minor>,
        now: SystemTime,
    ) -> Self {
        Self {
            config: config.into(),
            labels: NamespaceLabels::default(),
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
            fails_on_lints: false,
            is_traced: false,
            caps: FindingLimits::REPORT,
        }
    }

    /// The context that all verdicts share.
    pub fn context(&self) -> Context<'_> {
        let excepted = ExceptionsAt { exceptions: Some(&self.exceptions), now: self.now };
        Context { config: &self.config, newest: self.newest, excepted }
    }

    /// The policy for the pods of a namespace.
    pub fn judged_policy(&self, namespace: &str) -> JudgedPolicy {
        let policy = self.context().policy(namespace, self.labels.of(namespace));
        let asked = self.level.unwrap_or(policy.modes.enforce);
        let asked = self.version.map_or(asked, |version| asked.at(version));
        JudgedPolicy { policy, asked, newest: self.newest }
    }

    /// The form to judge in a namespace. Without hardening by its label, the webhook admits pods as they are written.
    pub(super) fn form_in(&self, namespace: &str) -> Form {
        let label = self.labels.of(namespace).get(MODE_LABEL).and_then(|label| label.parse().ok());
        match label {
            Some(harden::Mode::Off | harden::Mode::Report) => Form::Written,
            Some(harden::Mode::Auto | harden::Mode::Apply) | None => self.form,
        }
    }

    /// The levels of each mode.
    pub(super) fn levels(&self, judged_policy: &JudgedPolicy) -> pss::Policy {
        let (enforce, none) = (judged_policy.asked, Levels::PRIVILEGED);
        match self.modes {
            Modes::Enforce => pss::Policy { enforce, audit: none, warn: none },
            Modes::All => pss::Policy { enforce, ..judged_policy.policy.modes },
        }
    }

    /// The subject for exceptions.
    pub fn subject<'s>(&self, identity: &'s Identity, pod: &'s Pod<'s>) -> Subject<'s> {
        let namespace = identity.namespace.as_str();
        match (identity.kind.as_str(), self.owners) {
            ("Pod", Owners::Ignored) => Subject::made_by(pod, namespace, None),
            ("Pod", Owners::Believed) => Subject::as_it_says(pod, namespace),
            (kind, _) if identity.is_built_in() => {
                Subject::of_template(pod, namespace, kind, &identity.name)
            }
            // Exceptions name Kubernetes' own kinds. Other projects have kinds of the same names.
            _ => Subject::made_by(pod, namespace, None),
        }
    }

    pub(super) fn severity(&self, requirement: Requirement, mode: Mode) -> Severity {
        let is_error = |level: Level| level <= self.fail_on;
        match mode == Mode::Enforce && requirement.level().is_none_or(is_error) {
            true => Severity::Error,
            false => Severity::Warning,
        }
    }
}
