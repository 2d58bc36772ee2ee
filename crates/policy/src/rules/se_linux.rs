//! `rules/seLinux`: containers use only the listed SELinux types.
//!
//! Fields: `securityContext.seLinuxOptions.type` of the pod and of every container.
//! Allowed: unset, empty (the runtime's default type), and types that a pattern of the settings matches. Users and
//! roles are not judged here, because baseline forbids both.

use crate::{
    pattern::Patterns,
    pss::{Finding, Findings, Place, Pod},
};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/seLinux", reason: "SELinux type that is not listed" };

const FIELD: &str = "securityContext.seLinuxOptions.type";

pub(super) fn find(allowed: &Patterns, pod: &Pod<'_>, found: &mut Findings) {
    let of_pod = pod.spec.security_context.as_ref().map(|it| (Place::Pod, &it.se_linux_options));
    let of_containers = pod.security_contexts().map(|(place, it)| (place, &it.se_linux_options));
    let broken = of_pod
        .into_iter()
        .chain(of_containers)
        .filter_map(|(place, options)| Some((place, options.as_ref()?)))
        .filter(|(_, options)| !options.kind.is_empty() && !allowed.matches(&options.kind));
    found.extend(broken.map(|(place, _)| Finding::new(place, FIELD, fix(allowed))));
}

fn fix(allowed: &Patterns) -> String {
    if allowed.is_empty() {
        return format!("remove {FIELD}");
    }
    format!("remove {FIELD}, or set it to one that is allowed: {allowed}")
}
