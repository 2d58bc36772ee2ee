//! `appArmorProfile` (baseline): the runtime's AppArmor profile is not switched off.
//!
//! Fields: `securityContext.appArmorProfile.type` of the pod and of every container.
//! Allowed: unset, `RuntimeDefault`, `Localhost`.
//!
//! Fields: `metadata.annotations['container.apparmor.security.beta.kubernetes.io/*']`, also for containers that
//! the pod does not have.
//! Allowed: unset, empty, `runtime/default`, `localhost/*`.

use super::{
    annotations::APP_ARMOR_PREFIX,
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    security_context::Profile,
    violation::{Finding, Place},
};

pub(super) static APP_ARMOR_PROFILE: Control = Control {
    id: "appArmorProfile",
    level: Level::Baseline,
    reason: "AppArmor profile switched off",
    overrides: None,
    revisions: &[Revision { since: Minor(0), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    let of_pod =
        pod.spec.security_context.as_ref().map(|context| (Place::Pod, &context.app_armor_profile));
    let of_containers =
        pod.security_contexts().map(|(place, context)| (place, &context.app_armor_profile));
    let fields = of_pod
        .into_iter()
        .chain(of_containers)
        .filter(|(_, profile)| profile.as_ref().is_some_and(is_forbidden))
        .map(|(place, _)| {
            Finding::new(
                place,
                "securityContext.appArmorProfile.type",
                "set securityContext.appArmorProfile.type to RuntimeDefault or Localhost, or remove it",
            )
        });
    found.extend(fields);
    pod.metadata.annotations.find_profiles(found, |key, value| {
        key.starts_with(APP_ARMOR_PREFIX) && !is_allowed_annotation(value)
    });
}

fn is_forbidden(profile: &Profile<'_>) -> bool {
    profile.kind != "RuntimeDefault" && profile.kind != "Localhost"
}

fn is_allowed_annotation(value: &str) -> bool {
    value.is_empty() || value == "runtime/default" || value.starts_with("localhost/")
}
