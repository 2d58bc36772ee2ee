//! Hardening by `policy::harden`: the cases of this folder, and invariants of every pod. The tests apply the patches to
//! the JSON of the pod.

mod cases;
mod held;
mod properties;

use policy::harden::{Field, Mode, MountPath, Resource, Resources, Settings};

/// Settings with only these rows.
fn settings(on: impl Fn(Field) -> bool) -> Settings {
    let paths = ["/tmp", "/var/run"].map(|path| MountPath::parse(path).unwrap());
    let resources = Resources {
        requests: [(Resource::Cpu, "10m"), (Resource::Memory, "64Mi")]
            .map(|(resource, amount)| (resource, amount.parse().unwrap()))
            .into(),
        limits: [(Resource::Memory, "256Mi".parse().unwrap())].into(),
    };
    Settings {
        mode: Mode::Apply,
        run_as_non_root: on(Field::RunAsNonRoot),
        seccomp_profile: on(Field::SeccompProfile),
        drop_capabilities: on(Field::DropCapabilities),
        no_privilege_escalation: on(Field::NoPrivilegeEscalation),
        read_only_root_filesystem: on(Field::ReadOnlyRootFilesystem),
        no_service_account_token: on(Field::NoServiceAccountToken),
        empty_dirs: if on(Field::EmptyDirs) { paths.into() } else { Vec::new() },
        app_armor_profile: on(Field::AppArmorProfile),
        user_namespace: on(Field::UserNamespace),
        resources: if on(Field::Resources) { resources } else { Resources::default() },
    }
}
