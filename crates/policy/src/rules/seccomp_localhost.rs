//! `rules/seccompLocalhost`: containers use only the listed seccomp profiles of the node.
//!
//! Fields: `securityContext.seccompProfile.localhostProfile` of the pod and of every container, if its `type` is
//! `Localhost`.
//! Allowed: names that a pattern of the settings matches. Absolute paths and paths with `..` never are. The old
//! annotations are not judged: the API server copied them to the fields, and the kubelet no longer reads them.

use crate::{
    pattern::Patterns,
    pss::{Finding, Findings, Place, Pod},
};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/seccompLocalhost", reason: "seccomp profile that is not listed" };

pub(super) fn find(allowed: &Patterns, pod: &Pod<'_>, found: &mut Findings) {
    let of_pod = pod.spec.security_context.as_ref().map(|it| (Place::Pod, &it.seccomp_profile));
    let of_containers = pod.security_contexts().map(|(place, it)| (place, &it.seccomp_profile));
    let broken = of_pod
        .into_iter()
        .chain(of_containers)
        .filter_map(|(place, profile)| Some((place, profile.as_ref()?)))
        .filter(|(_, profile)| {
            profile.kind == "Localhost" && !is_allowed(allowed, &profile.localhost_profile)
        });
    found.extend(broken.map(|(place, _)| finding(allowed, place)));
}

fn finding(allowed: &Patterns, place: Place) -> Finding {
    if allowed.is_empty() {
        let fix = "set securityContext.seccompProfile.type to RuntimeDefault";
        return Finding::new(place, "securityContext.seccompProfile.type", fix);
    }
    let field = "securityContext.seccompProfile.localhostProfile";
    Finding::new(place, field, format!("set {field} to one that is allowed: {allowed}"))
}

fn is_allowed(allowed: &Patterns, name: &str) -> bool {
    let goes_elsewhere = name.starts_with('/') || name.split('/').any(|part| part == "..");
    !name.is_empty() && !goes_elsewhere && allowed.matches(name)
}
