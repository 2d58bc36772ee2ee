//! The hardening decision for a namespace, given its policy.

use std::collections::BTreeMap;

use crate::pss::{InvalidLabel, Level, Policy};

use super::settings::{MODE_LABEL, Mode, Settings};

/// What hardening does to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Adds the missing defaults.
    Apply,
    /// Reports the missing defaults.
    Report,
    /// Adds and reports nothing.
    Nothing,
}

impl Decision {
    /// Decides by the namespace's label, else by the configuration. An invalid label is ignored, because setting one is
    /// denied.
    pub fn of(labels: &BTreeMap<String, String>, policy: &Policy, settings: &Settings) -> Self {
        let label = labels.get(MODE_LABEL).and_then(|label| label.parse().ok());
        // A namespace in which nothing is judged gets no advice either.
        let is_judged = !policy.is_fully_privileged();
        match label.unwrap_or(settings.mode) {
            Mode::Auto if policy.enforce.level() == Level::Restricted => Self::Apply,
            Mode::Auto if is_judged => Self::Report,
            Mode::Apply if is_judged => Self::Apply,
            Mode::Report => Self::Report,
            Mode::Auto | Mode::Apply | Mode::Off => Self::Nothing,
        }
    }
}

/// The error in the mode label, if any.
pub fn invalid_label(labels: &BTreeMap<String, String>) -> Option<InvalidLabel> {
    let value = labels.get(MODE_LABEL)?;
    let allowed = "must be one of auto, apply, report, off";
    let invalid = InvalidLabel { label: MODE_LABEL, value: value.clone(), allowed };
    value.parse::<Mode>().is_err().then_some(invalid)
}
