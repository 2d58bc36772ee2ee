//! The table of rules.

use super::{
    added_capabilities, app_armor_profile, default_service_account, host_paths, host_ports,
    image_digest, image_registries, image_tag, read_only_root_filesystem, resources, rule::Rule,
    run_as_group, run_as_user_range, se_linux, seccomp_localhost, service_account_token,
    user_namespaces,
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
