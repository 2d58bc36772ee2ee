//! `seccompProfile_baseline` and `seccompProfile_restricted`: system calls are filtered.
//!
//! Fields since v1.19: `securityContext.seccompProfile.type` of the pod and of every container.
//! Allowed in baseline: unset, `RuntimeDefault`, `Localhost`.
//! Allowed in restricted: `RuntimeDefault`, `Localhost`; unset in a container if the pod sets one of them.
//! Since v1.25 restricted does not judge Windows pods: the field does not exist there.
//!
//! Fields before v1.19 (baseline, also in restricted): `metadata.annotations` with the keys
//! `seccomp.security.alpha.kubernetes.io/pod` and `container.seccomp.security.alpha.kubernetes.io/NAME` for the
//! containers that the pod has.
//! Allowed: unset, `runtime/default`, `docker/default`, `localhost/*`.

use std::collections::HashSet;

use super::{
    annotations::{SECCOMP_CONTAINER_PREFIX, SECCOMP_POD},
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    security_context::Profile,
    violation::{Finding, Place, missing},
};

pub(super) static BASELINE: Control = Control {
    id: "seccompProfile_baseline",
    level: Level::Baseline,
    reason: "seccomp profile switched off",
    overrides: None,
    revisions: &[
        Revision { since: Minor(0), check: annotations },
        Revision { since: Minor(19), check: explicit },
    ],
};

pub(super) static RESTRICTED: Control = Control {
    id: "seccompProfile_restricted",
    level: Level::Restricted,
    reason: "no seccomp profile",
    overrides: Some(BASELINE.id),
    revisions: &[
        Revision { since: Minor(19), check: restricted },
        Revision {
            since: Minor(25),
            check: |pod, found| {
                if !pod.is_windows() {
                    restricted(pod, found);
                }
            },
        },
    ],
};

const FIELD: &str = "securityContext.seccompProfile.type";
const FIX: &str = "set securityContext.seccompProfile.type to RuntimeDefault or Localhost";

fn explicit(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(
        std::iter::once((Place::Pod, of_pod(pod)))
            .chain(of_containers(pod))
            .filter(|(_, profile)| profile.is_some_and(|profile| !is_filter(profile)))
            .map(|(place, _)| Finding::new(place, FIELD, FIX)),
    );
}

fn restricted(pod: &Pod<'_>, found: &mut Findings) {
    explicit(pod, found);
    let is_any_explicit =
        of_containers(pod).any(|(_, profile)| profile.is_some_and(|profile| !is_filter(profile)));
    if is_any_explicit || of_pod(pod).is_some() {
        return;
    }
    let unset = of_containers(pod).filter(|(_, profile)| profile.is_none()).map(|(place, _)| place);
    missing(unset, FIELD, FIX, found);
}

fn of_pod<'p>(pod: &'p Pod<'_>) -> Option<&'p Profile<'p>> {
    pod.spec.security_context.as_ref()?.seccomp_profile.as_ref()
}

fn of_containers<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = (Place, Option<&'p Profile<'p>>)> {
    pod.containers().map(|(place, container)| {
        let context = container.security_context.as_ref();
        (place, context.and_then(|context| context.seccomp_profile.as_ref()))
    })
}

fn is_filter(profile: &Profile<'_>) -> bool {
    profile.kind == "RuntimeDefault" || profile.kind == "Localhost"
}

fn annotations(pod: &Pod<'_>, found: &mut Findings) {
    let names: HashSet<_> = pod.containers().map(|(_, container)| &*container.name).collect();
    // Annotations for containers that the pod does not have are ignored.
    let names_container = |key: &str| {
        let name = key.strip_prefix(SECCOMP_CONTAINER_PREFIX);
        name.is_some_and(|name| names.contains(name))
    };
    let is_read = |key: &str| key == SECCOMP_POD || names_container(key);
    pod.metadata
        .annotations
        .find_profiles(found, |key, value| is_read(key) && !is_allowed_annotation(value));
}

fn is_allowed_annotation(value: &str) -> bool {
    matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/")
}
