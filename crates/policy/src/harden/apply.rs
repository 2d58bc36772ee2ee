//! Applies changes to the view of a pod, to judge the pod as it will be once patched.

use std::collections::HashSet;

use crate::pss::{Container, ContainerKind, Place, Pod, Profile, SecurityContext, Text};

use super::{
    field::{Field, MissingDefault, Values},
    resources::{List, Resources},
    token::Token,
};

/// The view of the patched pod.
pub fn apply<'a>(pod: &Pod<'a>, changes: &[MissingDefault]) -> Pod<'a> {
    let mut pod = pod.clone();
    for change in changes {
        match change.place {
            Place::Container { kind, index } => {
                if let Some(container) = pod.spec.list_mut(kind).get_mut(index) {
                    set_in_container(container, change);
                }
            }
            Place::Metadata | Place::Pod | Place::Volume { .. } => {
                set_in_pod(&mut pod, change.field);
            }
        }
    }
    let empty_dirs = changes.iter().flat_map(MissingDefault::empty_dirs);
    let volumes: Vec<_> = empty_dirs.map(|one| one.as_volume()).collect();
    pod.spec.volumes.extend(volumes);
    pod
}

fn set_in_pod(pod: &mut Pod<'_>, field: Field) {
    let context = &mut pod.spec.security_context;
    match field {
        Field::RunAsNonRoot => context.get_or_insert_default().run_as_non_root = Some(true),
        Field::SeccompProfile => {
            context.get_or_insert_default().seccomp_profile = Some(runtime_default());
        }
        Field::AppArmorProfile => {
            context.get_or_insert_default().app_armor_profile = Some(runtime_default());
        }
        Field::NoServiceAccountToken => {
            pod.spec.automount_service_account_token = Some(false);
            remove_token(pod);
        }
        Field::UserNamespace => pod.spec.host_users = Some(false),
        Field::DropCapabilities
        | Field::NoPrivilegeEscalation
        | Field::ReadOnlyRootFilesystem
        | Field::EmptyDirs
        | Field::Resources => {}
    }
}

fn remove_token(pod: &mut Pod<'_>) {
    let Token { volumes, mounts } = Token::of(pod);
    let mounts: HashSet<_> = mounts.into_iter().collect();
    for kind in ContainerKind::ALL {
        for (container, it) in pod.spec.list_mut(kind).iter_mut().enumerate() {
            let mut index = 0..;
            it.volume_mounts.retain(|_| {
                index.next().is_none_or(|index| !mounts.contains(&(kind, container, index)))
            });
        }
    }
    let volumes: HashSet<_> = volumes.into_iter().collect();
    let mut index = 0..;
    pod.spec.volumes.retain(|_| index.next().is_none_or(|index| !volumes.contains(&index)));
}

fn set_in_container(container: &mut Container<'_>, change: &MissingDefault) {
    match &change.values {
        Values::Fixed => {
            set(container.security_context.get_or_insert_default(), change.field);
        }
        Values::EmptyDirs(all) => {
            container.volume_mounts.extend(all.iter().map(|one| one.as_mount()));
        }
        Values::Resources(lacking) => set_resources(container, lacking),
    }
}

fn set_resources(container: &mut Container<'_>, lacking: &Resources) {
    let own = container.resources.get_or_insert_default();
    for (list, name, amount) in lacking.iter() {
        let set = match list {
            List::Requests => &mut own.requests,
            List::Limits => &mut own.limits,
        };
        set.add(Text::from(name.name()), amount.text().clone());
    }
}

fn set(context: &mut SecurityContext<'_>, field: Field) {
    match field {
        Field::RunAsNonRoot => context.run_as_non_root = Some(true),
        Field::SeccompProfile => context.seccomp_profile = Some(runtime_default()),
        Field::AppArmorProfile => context.app_armor_profile = Some(runtime_default()),
        Field::DropCapabilities => {
            context.capabilities.get_or_insert_default().drop.push(Text::from("ALL"));
        }
        Field::NoPrivilegeEscalation => context.allow_privilege_escalation = Some(false),
        Field::ReadOnlyRootFilesystem => context.read_only_root_filesystem = Some(true),
        Field::NoServiceAccountToken
        | Field::UserNamespace
        | Field::EmptyDirs
        | Field::Resources => {}
    }
}

fn runtime_default() -> Profile<'static> {
    Profile { kind: Text::from("RuntimeDefault"), localhost_profile: Text::default() }
}
