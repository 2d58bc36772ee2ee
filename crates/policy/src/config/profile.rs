//! Named policies of the configuration, which a namespace selects by a label.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    exceptions::Relaxation,
    harden::MODE_LABEL,
    pattern::Patterns,
    pss::{LevelVersion, is_policy_label},
    rules::Demand,
};

/// The namespace label that names a profile.
pub const PROFILE_LABEL: &str = "portcullis.dev/profile";

/// Whether a label of a namespace is read; others need not be kept.
pub fn is_read(label: &str) -> bool {
    is_policy_label(label) || label == MODE_LABEL || label == PROFILE_LABEL
}

/// A level, relaxations, and additional rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The enforced level, instead of the defaults.
    pub enforce: LevelVersion,
    /// The namespaces that may select it; empty for all. Never empty if the profile has relaxations.
    pub namespaces: Patterns,
    /// The relaxations.
    pub allow: Relaxation,
    /// Rules in addition to those of the configuration.
    pub require: Vec<Demand>,
}

impl Profile {
    /// Whether a namespace may select it.
    pub fn is_for(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.matches(namespace)
    }
}

/// The minimum level for namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The minimum level that is enforced.
    pub enforce: LevelVersion,
    /// The namespaces that it does not apply to.
    pub except: Patterns,
}

impl Floor {
    /// Whether it applies to a namespace.
    pub fn is_for(&self, namespace: &str) -> bool {
        !self.except.matches(namespace)
    }
}

/// The settings beyond the Standard's own defaults and exemptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Rules for every namespace, at any level.
    pub rules: Arc<[Demand]>,
    /// Keyed by name.
    pub profiles: BTreeMap<String, Arc<Profile>>,
    /// The floor, if any.
    pub floor: Option<Floor>,
}

impl Settings {
    /// The profile with this name, if it exists and the namespace may select it.
    pub(crate) fn profile(&self, name: &str, namespace: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(name).filter(|profile| profile.is_for(namespace))
    }
}
