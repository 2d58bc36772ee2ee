//! `rules/appArmorProfile`: every container runs under an allowed AppArmor profile.
//!
//! Fields: `securityContext.appArmorProfile.{type,localhostProfile}` of the pod and of every container, and
//! `metadata.annotations['container.apparmor.security.beta.kubernetes.io/*']`.
//! Allowed: `RuntimeDefault` and `Localhost` with a name, if the settings list them; by default all of these. A
//! container uses its own field, else its annotation, else the pod's field, and one of them must be set. Every value
//! that is set must be allowed, even if no container uses it, and also in annotations of containers that the pod does
//! not have.
//!
//! Windows pods are not judged: the field cannot be set there.

use std::{collections::BTreeSet, fmt};

use crate::{
    pattern::{InvalidPattern, Pattern, Patterns},
    pss::{APP_ARMOR_PREFIX, Finding, Findings, Place, Pod, Profile, missing},
    shown::key,
};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/appArmorProfile", reason: "no allowed AppArmor profile" };

const RUNTIME_DEFAULT: &str = "RuntimeDefault";
const LOCALHOST: &str = "localhost/";
const FIELD: &str = "securityContext.appArmorProfile.type";

/// The allowed profiles, written as `RuntimeDefault` and `localhost/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppArmor(Patterns);

/// The text is not a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProfile {
    /// Neither of the two forms.
    #[error("must be RuntimeDefault or localhost/ and a name, such as \"localhost/k8s-*\"")]
    Unknown,
    /// The name is not a valid pattern.
    #[error(transparent)]
    Name(#[from] InvalidPattern),
}

impl AppArmor {
    /// Parses one profile of the list.
    ///
    /// # Errors
    /// Neither `RuntimeDefault` nor `localhost/` with a name or pattern.
    pub fn profile(text: &str) -> Result<Pattern, InvalidProfile> {
        let name = text.strip_prefix(LOCALHOST);
        if text != RUNTIME_DEFAULT && name.is_none_or(str::is_empty) {
            return Err(InvalidProfile::Unknown);
        }
        Ok(Pattern::parse(text)?)
    }

    fn allows_field(&self, profile: &Profile<'_>) -> bool {
        match profile.kind.as_str() {
            RUNTIME_DEFAULT => self.0.matches(RUNTIME_DEFAULT),
            "Localhost" => self.allows_name(&profile.localhost_profile),
            _ => false,
        }
    }

    fn allows_annotation(&self, value: &str) -> bool {
        match value.strip_prefix(LOCALHOST) {
            Some(name) => self.allows_name(name),
            None => value == "runtime/default" && self.0.matches(RUNTIME_DEFAULT),
        }
    }

    fn allows_name(&self, name: &str) -> bool {
        !name.is_empty() && self.0.matches(&format!("{LOCALHOST}{name}"))
    }
}

impl Default for AppArmor {
    /// The runtime's default profile, and any profile of the node.
    fn default() -> Self {
        let all = [RUNTIME_DEFAULT, "localhost/*"];
        all.into_iter().filter_map(|text| Self::profile(text).ok()).collect()
    }
}

impl FromIterator<Pattern> for AppArmor {
    fn from_iter<I: IntoIterator<Item = Pattern>>(profiles: I) -> Self {
        Self(profiles.into_iter().collect())
    }
}

impl fmt::Display for AppArmor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub(super) fn find(allowed: &AppArmor, pod: &Pod<'_>, found: &mut Findings) {
    if pod.is_windows() {
        return;
    }
    let fix = || format!("set securityContext.appArmorProfile to one that is allowed: {allowed}");
    let of_pod = pod.spec.security_context.as_ref().and_then(|it| it.app_armor_profile.as_ref());
    let set = std::iter::once((Place::Pod, of_pod)).chain(of_containers(pod));
    let bad_fields = set
        .filter_map(|(place, profile)| Some((place, profile?)))
        .filter(|(_, profile)| !allowed.allows_field(profile))
        .map(|(place, profile)| Finding::new(place, field(profile), fix()));
    found.extend(bad_fields);
    let bad_annotations = annotations(pod)
        .filter(|(_, value)| !value.is_empty() && !allowed.allows_annotation(value));
    for (name, _) in bad_annotations {
        found.add_with(Place::Metadata, || {
            let key = format!("{APP_ARMOR_PREFIX}{}", key(name));
            let fix =
                format!("remove annotation {key}, or set it to one that is allowed: {allowed}");
            Finding::new(Place::Metadata, format!("annotations[{key}]"), fix)
        });
    }
    if of_pod.is_none() {
        let annotated = annotations(pod).filter(|(_, value)| !value.is_empty());
        let annotated: BTreeSet<_> = annotated.map(|(name, _)| name).collect();
        let mut unset = of_containers(pod)
            .zip(pod.containers())
            .filter(|((_, own), (_, container))| {
                own.is_none() && !annotated.contains(container.name.as_str())
            })
            .map(|((place, _), _)| place)
            .peekable();
        if unset.peek().is_some() {
            missing(unset, FIELD, fix(), found);
        }
    }
}

/// The field of a profile that is not allowed.
fn field(profile: &Profile<'_>) -> &'static str {
    match profile.kind.as_str() {
        "Localhost" => "securityContext.appArmorProfile.localhostProfile",
        _ => FIELD,
    }
}

fn of_containers<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = (Place, Option<&'p Profile<'p>>)> {
    pod.containers().map(|(place, container)| {
        let context = container.security_context.as_ref();
        (place, context.and_then(|context| context.app_armor_profile.as_ref()))
    })
}

/// The profiles that annotations set, with the containers' names.
fn annotations<'p>(pod: &'p Pod<'_>) -> impl Iterator<Item = (&'p str, &'p str)> {
    let all = pod.metadata.annotations.iter();
    all.filter_map(|(key, value)| Some((key.strip_prefix(APP_ARMOR_PREFIX)?, value)))
}
