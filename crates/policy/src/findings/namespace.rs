//! The results of an audit for one namespace: the level that it could enforce, what blocks it, and the command to set
//! it. Pure: values in, values out.

use std::{collections::BTreeMap, fmt};

use crate::{
    harden::{self, Decision, MODE_LABEL},
    namespace::{EffectivePolicy, Source},
    pss::{CONTROLS, Control, Level, LevelVersion, Levels},
    verdict::Exemption,
};

use super::{Identity, Lint, Workload};

/// An audited namespace.
#[derive(Debug)]
pub struct Namespace {
    /// Its policy and circumstances.
    pub facts: NamespaceFacts,
    /// Every workload in it, by kind and name.
    pub workloads: Vec<Audited>,
    /// The highest level that all of them meet now.
    pub now: Level,
    /// The highest level that they would meet once hardened.
    pub hardened: Level,
    /// The controls that block the level after `now`, in the table's order, with the number of violating workloads.
    /// Empty if `now` is the highest level.
    pub blocks: Vec<(&'static Control, u32)>,
    /// The command to enforce `now`. None if the namespace enforces it already, if it is not judged, or if it was not
    /// read completely.
    pub command: Option<String>,
    /// The command to enforce `hardened`, including the required hardening. Only if that is higher.
    pub command_hardened: Option<String>,
    /// Pods that violate the enforced level: admitted earlier, or not by the webhook.
    pub breaking: Vec<Identity>,
    /// Settings without effect.
    pub lints: Vec<Lint>,
    /// What could not be read: `list cronjobs.batch`. The levels only cover the rest.
    pub unread: Vec<Unread>,
    /// Whether the levels cover the whole namespace.
    pub extent: AuditScope,
}

/// How much of a namespace was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditScope {
    /// All workloads.
    #[default]
    Whole,
    /// The workloads that match a selector.
    Selected,
}

/// The policy of a namespace and its circumstances.
#[derive(Clone, Debug)]
pub struct NamespaceFacts {
    /// The namespace's name.
    pub name: String,
    /// Its policy labels. None if they could not be read; then the configuration's defaults apply.
    pub labels: Option<BTreeMap<String, String>>,
    /// The policy that results from labels and configuration.
    pub policy: EffectivePolicy,
    /// Whether the configuration exempts it.
    pub exempt: Option<Exemption>,
    /// Whether the webhook is called for its pods.
    pub presence: Presence,
}

words! {
    /// Whether the API server calls Portcullis.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Presence {
        /// A webhook of Portcullis is registered.
        #[default]
        Installed = "installed",
        /// None is registered: only the built-in admission enforces labels.
        Absent = "absent",
        /// It could not be determined.
        Unknown = "unknown",
    }
}

/// A workload with what only a cluster knows about it.
#[derive(Debug)]
pub struct Audited {
    /// The findings.
    pub workload: Workload,
    /// The UID of the object.
    pub uid: String,
    /// The number of its pods.
    pub pods: u64,
}

/// The objects read in a namespace.
#[derive(Debug, Default)]
pub struct NamespaceObjects {
    /// Sorted by kind and name.
    pub workloads: Vec<Audited>,
    /// Pods that violate the enforced level.
    pub breaking: Vec<Identity>,
    /// Settings without effect.
    pub lints: Vec<Lint>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// How much of the namespace was requested.
    pub extent: AuditScope,
}

/// An object or list that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// What, in terms of permissions: `list pods in all namespaces`.
    pub what: String,
    /// The reason. One line.
    pub why: String,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl Namespace {
    /// Summarises the workloads. `settings` are those of the hardening assumed for `hardened`.
    pub fn of(facts: NamespaceFacts, read: NamespaceObjects, settings: &harden::Settings) -> Self {
        let NamespaceObjects { workloads, breaking, lints, unread, extent } = read;
        // Workloads with an exempt runtime class violate nothing.
        let judged = || {
            let levels_met = workloads.iter().map(|audited| &audited.workload);
            levels_met
                .filter(|workload| workload.exempt != Some(Exemption::RuntimeClass))
                .map(|workload| &workload.levels_met)
        };
        let lowest = |levels: &mut dyn Iterator<Item = Level>| levels.min();
        let now =
            lowest(&mut judged().map(|levels_met| levels_met.now)).unwrap_or(Level::Restricted);
        let hardened = lowest(&mut judged().map(|levels_met| levels_met.hardened))
            .unwrap_or(Level::Restricted);
        let in_the_way = |control: &'static Control| {
            let broken = judged().filter(|levels_met| {
                let controls = match now {
                    Level::Privileged => &levels_met.baseline[..],
                    Level::Baseline => &levels_met.restricted[..],
                    Level::Restricted => &[],
                };
                controls.iter().any(|broken| broken.id == control.id)
            });
            let count = u32::try_from(broken.count()).unwrap_or(u32::MAX);
            (count > 0).then_some((control, count))
        };
        let blocks = CONTROLS.into_iter().filter_map(in_the_way).collect();
        let is_complete =
            unread.is_empty() && facts.exempt.is_none() && extent == AuditScope::Whole;
        let command = is_complete.then(|| facts.command(now)).flatten();
        let command_hardened = (is_complete && hardened > now)
            .then(|| facts.command_hardened(hardened, settings))
            .flatten();
        Self {
            now,
            hardened,
            blocks,
            command,
            command_hardened,
            breaking,
            lints,
            unread,
            extent,
            facts,
            workloads,
        }
    }

    /// The highest level that all workloads meet now, and once hardened. None if the namespace was not read completely,
    /// because the rest may meet less.
    pub fn meets(&self) -> Option<(Level, Level)> {
        self.unread.is_empty().then_some((self.now, self.hardened))
    }

    /// The number of pods of all workloads.
    pub fn pods(&self) -> u64 {
        self.workloads.iter().map(|audited| audited.pods).sum()
    }

    /// The level after the highest that all workloads meet now.
    pub fn next(&self) -> Option<Level> {
        match self.now {
            Level::Privileged => Some(Level::Baseline),
            Level::Baseline => Some(Level::Restricted),
            Level::Restricted => None,
        }
    }
}

impl NamespaceFacts {
    /// The enforced levels.
    pub fn enforce(&self) -> Levels {
        self.policy.modes.enforce
    }

    /// The level that the cluster enforces now, if known. `enforce` is what Portcullis would enforce.
    pub fn in_force(&self) -> Option<LevelVersion> {
        match (self.presence, &self.labels) {
            (Presence::Installed, _) => Some(self.enforce().highest()),
            (Presence::Absent, Some(_)) => {
                Some(self.policy.builtin.unwrap_or(LevelVersion::PRIVILEGED))
            }
            (Presence::Absent, None) | (Presence::Unknown, _) => None,
        }
    }

    /// The command to enforce at least this level. None if the namespace does already, or if its labels are unknown.
    fn command(&self, level: Level) -> Option<String> {
        let key = self.key()?;
        let is_invalid = self.policy.invalid.iter().any(|invalid| invalid.label == key);
        // An invalid label is enforced as restricted, which is not intended.
        let is_reached = level <= self.enforce().level() && !is_invalid;
        (!is_reached && level > Level::Privileged).then(|| self.label(&[(key, level.as_str())]))
    }

    /// The same, with a label that enables hardening if the level alone does not.
    fn command_hardened(&self, level: Level, settings: &harden::Settings) -> Option<String> {
        let key = self.key()?;
        let mut labels = self.labels.clone()?;
        labels.insert(key.to_owned(), level.as_str().to_owned());
        let mut policy = self.policy.modes;
        policy.enforce = policy.enforce.and(LevelVersion::latest(level));
        let is_enforced = self.enforce().level() >= level;
        let is_hardened = Decision::of(&labels, &policy, settings) == Decision::Apply;
        let mut set = Vec::new();
        if !is_enforced {
            set.push((key, level.as_str()));
        }
        if !is_hardened {
            set.push((MODE_LABEL, harden::Mode::Apply.as_str()));
        }
        (!set.is_empty()).then(|| self.label(&set))
    }

    /// The label that sets the enforced level, with the prefix that this namespace uses.
    fn key(&self) -> Option<&'static str> {
        self.labels.as_ref()?;
        Some(match self.policy.source() {
            Source::Label(key) => key,
            Source::Defaults | Source::Profile(_) | Source::UnknownProfile | Source::Floor => {
                "pod-security.kubernetes.io/enforce"
            }
        })
    }

    fn label(&self, set: &[(&str, &str)]) -> String {
        let set: Vec<_> = set.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("kubectl label --overwrite namespace {} {}", self.name, set.join(" "))
    }
}

#[cfg(test)]
mod tests;
