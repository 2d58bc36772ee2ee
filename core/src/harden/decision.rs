//! What a namespace's mode comes to, given its policy.

use std::collections::BTreeMap;

use crate::pss::{InvalidLabel, Level, Policy};

use super::settings::{MODE_LABEL, Mode, Settings};

/// What is done to a pod of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Defaults are added.
    Apply,
    /// It is said which would be.
    Report,
    /// Neither.
    Nothing,
}

impl Decision {
    /// From the namespace's label, else from the configuration. A label that says no mode counts as not there:
    /// it is refused when it is set.
    pub fn of(labels: &BTreeMap<String, String>, policy: &Policy, settings: &Settings) -> Self {
        let label = labels.get(MODE_LABEL).and_then(|label| label.parse().ok());
        // Where nothing is judged, nobody asked for advice either.
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

/// What is wrong with the mode label, if anything is.
pub fn invalid_label(labels: &BTreeMap<String, String>) -> Option<InvalidLabel> {
    let value = labels.get(MODE_LABEL)?;
    let allowed = "must be one of auto, apply, report, off";
    let invalid = InvalidLabel { label: MODE_LABEL, value: value.clone(), allowed };
    value.parse::<Mode>().is_err().then_some(invalid)
}
