//! Hardening as `portcullis::harden` plans it: the cases of this folder, and what must hold of every pod. Patches are
//! really applied, to the pod's JSON and not only to the view of it.

#[path = "../generator/mod.rs"]
mod generator;
#[path = "../pods/mod.rs"]
mod pods;

mod cases;
mod held;
mod properties;

use portcullis::harden::{Field, Mode, Settings};

/// Settings with these rows on, and no other.
fn settings(on: impl Fn(Field) -> bool) -> Settings {
    Settings {
        mode: Mode::Apply,
        run_as_non_root: on(Field::RunAsNonRoot),
        seccomp_profile: on(Field::SeccompProfile),
        drop_capabilities: on(Field::DropCapabilities),
        no_privilege_escalation: on(Field::NoPrivilegeEscalation),
        read_only_root_filesystem: on(Field::ReadOnlyRootFilesystem),
        no_service_account_token: on(Field::NoServiceAccountToken),
    }
}
