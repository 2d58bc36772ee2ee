//! `seLinuxOptions` (baseline): no less confined SELinux type, no custom user or role.
//!
//! Fields: `securityContext.seLinuxOptions.type` of the pod and of every container.
//! Allowed: unset, empty, `container_t`, `container_init_t`, `container_kvm_t`; since v1.31 `container_engine_t`.
//!
//! Fields: `securityContext.seLinuxOptions.{user,role}` of the pod and of every container.
//! Allowed: unset, empty.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    security_context::SeLinuxOptions,
    violation::{Finding, Place},
};

pub(super) static SE_LINUX_OPTIONS: Control = Control {
    id: "seLinuxOptions",
    level: Level::Baseline,
    reason: "SELinux options",
    overrides: None,
    revisions: &[
        Revision { since: Minor(0), check: |pod, found| check(pod, found, &TYPES) },
        Revision { since: Minor(31), check: |pod, found| check(pod, found, &TYPES_1_31) },
    ],
};

const TYPES: [&str; 4] = ["", "container_t", "container_init_t", "container_kvm_t"];
const TYPES_1_31: [&str; 5] =
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

fn check(pod: &Pod<'_>, found: &mut Findings, types: &[&str]) {
    let of_pod =
        pod.spec.security_context.as_ref().map(|context| (Place::Pod, &context.se_linux_options));
    let of_containers =
        pod.security_contexts().map(|(place, context)| (place, &context.se_linux_options));
    found.extend(
        of_pod
            .into_iter()
            .chain(of_containers)
            .filter_map(|(place, options)| Some((place, options.as_ref()?)))
            .flat_map(|(place, options)| forbidden(place, options, types)),
    );
}

fn forbidden(
    place: Place,
    options: &SeLinuxOptions<'_>,
    types: &[&str],
) -> impl Iterator<Item = Finding> + use<> {
    let bad_type = !types.contains(&options.kind.as_str());
    [
        (
            bad_type,
            "securityContext.seLinuxOptions.type",
            "set securityContext.seLinuxOptions.type to container_t, or remove it",
        ),
        (
            !options.user.is_empty(),
            "securityContext.seLinuxOptions.user",
            "remove securityContext.seLinuxOptions.user",
        ),
        (
            !options.role.is_empty(),
            "securityContext.seLinuxOptions.role",
            "remove securityContext.seLinuxOptions.role",
        ),
    ]
    .into_iter()
    .filter(|(is_forbidden, ..)| *is_forbidden)
    .map(move |(_, path, fix)| Finding::new(place, path, fix))
}
