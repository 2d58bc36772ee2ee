//! What manifests are judged by.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use crate::{
    admission::Exemption,
    config::{Config, Exemptions},
    harden,
    policy::{self, Covering, Exceptions, Grant, NamespacePolicy, Subject, Violation},
    pss::{self, Caps, Level, LevelVersion, Levels, Minor, NEWEST, Pod, Version},
    rules::Mode,
};

use super::Identity;

/// What a configuration and the labels of namespaces come to, what is exempt of it, and what hardening would add.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Of namespaces without labels.
    pub defaults: pss::Defaults,
    /// Rules, profiles and the floor.
    pub policies: Arc<policy::Settings>,
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
    /// Of the configuration. Users do not stand in manifests: their exemptions have no effect.
    pub exemptions: Exemptions,
    /// What `/mutate` would add.
    pub harden: harden::Settings,
    /// What is judged.
    pub judges: Judges,
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
    pub policy: NamespacePolicy,
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
        now: SystemTime,
    ) -> Self {
        Self {
            defaults: config.defaults,
            policies: config.policies,
            labels: Labels::default(),
            exceptions: Arc::default(),
            now,
            owners: Owners::Ignored,
            namespace: String::new(),
            level: level.map(|level| LevelVersion::latest(level).into()),
            version,
            newest: cluster.map_or(NEWEST, |cluster| cluster.min(NEWEST)),
            exemptions: config.exemptions,
            harden: config.harden,
            judges: Judges::Written,
            fail_on: Level::Restricted,
            is_traced: false,
            caps: Caps::REPORT,
        }
    }

    /// What the pods of a namespace are judged by.
    pub fn basis(&self, namespace: &str) -> Basis {
        let labels = self.labels.known.get(namespace).unwrap_or(&self.labels.others);
        let policy = NamespacePolicy::of(namespace, labels, &self.defaults, &self.policies);
        let asked = self.level.unwrap_or(policy.policy.enforce);
        let asked = self.version.map_or(asked, |version| asked.at(version));
        Basis { policy, asked, newest: self.newest }
    }

    /// What a pod breaks, with how bad that is: of the level, then of the rules.
    pub fn violations(
        &self,
        basis: &Basis,
        pod: &Pod<'_>,
        exceptions: &[Grant<'_>],
        caps: Caps,
    ) -> Vec<(Violation, Severity)> {
        let pod = basis.policy.relax(pod, exceptions);
        let controls = policy::controls(basis.asked, basis.newest, &pod, caps).into_iter();
        let controls = controls.map(|violation| {
            let level = violation.requirement.level().unwrap_or(Level::Privileged);
            (violation, self.severity(level))
        });
        let rules = [Mode::Enforce, Mode::Audit, Mode::Warn].into_iter().flat_map(|mode| {
            let severity = if mode == Mode::Enforce { Severity::Error } else { Severity::Warning };
            let broken = policy::rules(basis.policy.demands(), mode, &pod, caps).into_iter();
            broken.map(move |violation| (violation, severity))
        });
        controls.chain(rules).collect()
    }

    /// The exceptions that cover an object.
    pub fn covering(&self, identity: &Identity, pod: &Pod<'_>) -> Covering<'_> {
        let namespace = identity.namespace.as_str();
        if self.exceptions.is_empty() {
            return Covering::default();
        }
        let subject = match (identity.kind.as_str(), self.owners) {
            ("Pod", Owners::Ignored) => Subject::made_by(pod, namespace, None),
            ("Pod", Owners::Believed) => Subject::as_it_says(pod, namespace),
            (kind, _) => Subject::of_template(pod, namespace, kind, &identity.name),
        };
        self.exceptions.covering(&subject, self.now)
    }

    /// How bad it is to break a control of a level.
    fn severity(&self, level: Level) -> Severity {
        if level <= self.fail_on { Severity::Error } else { Severity::Warning }
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
