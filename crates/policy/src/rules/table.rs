//! The table of rules.

use super::{
    added_capabilities, app_armor_profile, default_service_account, host_paths, host_ports,
    image_digest, image_registries, image_tag, read_only_root_filesystem, resources, run_as_group,
    run_as_user_range, se_linux, seccomp_localhost, service_account_token, user_namespaces,
};

/// Every rule, in the order of evaluation and messages.
pub static RULES: [&Rule; 16] = [
    &read_only_root_filesystem::RULE,
    &service_account_token::RULE,
    &default_service_account::RULE,
    &app_armor_profile::RULE,
    &seccomp_localhost::RULE,
    &se_linux::RULE,
    &resources::RULE,
    &image_registries::RULE,
    &image_tag::RULE,
    &image_digest::RULE,
    &run_as_group::RULE,
    &run_as_user_range::RULE,
    &user_namespaces::RULE,
    &added_capabilities::RULE,
    &host_paths::RULE,
    &host_ports::RULE,
];

/// The names of a rule, independent of its settings.
#[derive(Debug)]
pub struct Rule {
    /// `rules/` and the name, to keep it distinct from ids of controls: `rules/hostPorts`.
    pub id: &'static str,
    /// Why a pod that violates it is wrong, in a few words.
    pub reason: &'static str,
}

impl Rule {
    /// The name in the configuration: `hostPorts`.
    pub fn name(&self) -> &'static str {
        self.id.strip_prefix("rules/").unwrap_or(self.id)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::pss::CONTROLS;

    #[test]
    fn ids_and_reasons_are_unique_and_no_controls() {
        let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        assert!(ids.iter().all(|id| id.starts_with("rules/")));
        let reasons: BTreeSet<_> = RULES
            .iter()
            .map(|rule| rule.reason)
            .chain(CONTROLS.iter().map(|control| control.reason))
            .collect();
        // Two pairs of controls share a reason: a baseline control and its replacement.
        let of_controls: BTreeSet<_> = CONTROLS.iter().map(|control| control.reason).collect();
        assert_eq!(reasons.len(), RULES.len() + of_controls.len());
    }
}
