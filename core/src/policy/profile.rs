//! Named policies of the configuration, which a namespace takes by a label.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    harden::MODE_LABEL,
    pattern::Patterns,
    pss::{LevelVersion, is_policy_label},
    rules::Demand,
};

use super::Relaxation;

/// The namespace label that names a profile.
pub const PROFILE_LABEL: &str = "portcullis.dev/profile";

/// Whether a namespace's label is read at all: the others need not be kept.
pub fn is_read(label: &str) -> bool {
    is_policy_label(label) || label == MODE_LABEL || label == PROFILE_LABEL
}

/// A level, what is allowed beyond it, and what is asked beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What is enforced, instead of the defaults.
    pub enforce: LevelVersion,
    /// The namespaces that may take it; empty: all. Never empty where it allows something.
    pub namespaces: Patterns,
    /// What pods may do all the same.
    pub allow: Relaxation,
    /// Rules beside those of the configuration.
    pub require: Vec<Demand>,
}

impl Profile {
    /// Whether a namespace may take it.
    pub fn is_for(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.matches(namespace)
    }
}

/// The lowest level that namespaces may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// What is enforced at least.
    pub enforce: LevelVersion,
    /// The namespaces that it does not hold for.
    pub except: Patterns,
}

impl Floor {
    /// Whether it holds for a namespace.
    pub fn is_for(&self, namespace: &str) -> bool {
        !self.except.matches(namespace)
    }
}

/// What the configuration says beyond the Standard's own defaults and exemptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Rules for every namespace, whatever its level.
    pub rules: Arc<[Demand]>,
    /// By name.
    pub profiles: BTreeMap<String, Arc<Profile>>,
    /// The lowest level, if there is one.
    pub floor: Option<Floor>,
}

impl Settings {
    /// A profile, if there is one of this name that this namespace may take.
    pub(super) fn profile(&self, name: &str, namespace: &str) -> Option<&Arc<Profile>> {
        self.profiles.get(name).filter(|profile| profile.is_for(namespace))
    }
}
