//! The `harden` block: the defaults to add, and where.

use manifest::path::Path as Field;
use policy::{
    harden::{Resource, Resources, Settings},
    spec,
};

use super::reader::Reader;

pub(super) fn hardening(
    reader: &mut Reader<'_>,
    written: spec::Harden,
    unset: &Settings,
) -> Settings {
    let is = |written: Option<spec::RuntimeDefault>, unset| written.map_or(unset, |it| it.0);
    // These fields name the value that a pod gets, and false is the strict one.
    let not = |written: Option<bool>, unset| written.map_or(unset, |value| !value);
    let mut empty_dirs = written.empty_dirs.0.0;
    empty_dirs.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    Settings {
        mode: written.mode.unwrap_or(unset.mode),
        run_as_non_root: written.run_as_non_root.unwrap_or(unset.run_as_non_root),
        seccomp_profile: is(written.seccomp_profile, unset.seccomp_profile),
        drop_capabilities: written.drop_capabilities.unwrap_or(unset.drop_capabilities),
        no_privilege_escalation: not(
            written.allow_privilege_escalation,
            unset.no_privilege_escalation,
        ),
        read_only_root_filesystem: written
            .read_only_root_filesystem
            .unwrap_or(unset.read_only_root_filesystem),
        no_service_account_token: not(
            written.automount_service_account_token,
            unset.no_service_account_token,
        ),
        empty_dirs,
        app_armor_profile: is(written.app_armor_profile, unset.app_armor_profile),
        user_namespace: not(written.host_users, unset.user_namespace),
        resources: resources(reader, written.resources),
    }
}

fn resources(reader: &mut Reader<'_>, written: spec::DefaultResources) -> Resources {
    let amounts = |written: spec::Amounts| {
        let all = [
            (Resource::Cpu, written.cpu),
            (Resource::EphemeralStorage, written.ephemeral_storage),
            (Resource::Memory, written.memory),
        ];
        all.into_iter().filter_map(|(resource, amount)| Some((resource, amount?))).collect()
    };
    let resources =
        Resources { requests: amounts(written.requests), limits: amounts(written.limits) };
    let list = |name| Field::default().key("harden").key("resources").key(name);
    for resource in resources.contradictions() {
        let limit = list("limits").key(resource.name());
        let request = list("requests").key(resource.name());
        reader.problem(&request, &format!("must not be above {limit}"));
    }
    resources
}
