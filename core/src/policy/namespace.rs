//! What a namespace's pods are held against: the one order in which labels, profile and floor come together.
//!
//! 1. What is exempt is not judged at all: whoever asks has seen to that before.
//! 2. The floor: nothing in the labels gets below it.
//! 3. The profile or the labels, whichever is stricter; without either, the defaults. What the profile allows holds
//!    only where its own level does: labels that ask for more hold whole.
//! 4. Exceptions relax what comes of it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    pss::{
        self, Caps, InvalidLabel, Level, LevelVersion, Minor, Pod, Policy, enforced_by_standard,
        from_labels,
    },
    rules::{Demand, Mode},
};

use super::{
    Violation,
    evaluate::{controls, rules},
    profile::{PROFILE_LABEL, Profile, Settings},
    relaxed::{Grant, Relaxed},
};

/// What sets the enforced level of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration's defaults.
    Defaults,
    /// The label with this key.
    Label(&'static str),
    /// The profile of this name.
    Profile(String),
    /// The profile label: it names none that the namespace may take.
    UnknownProfile,
    /// The configuration's floor.
    Floor,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("default of the configuration"),
            Self::Label(key) => write!(f, "label {key}"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::UnknownProfile => write!(f, "label {PROFILE_LABEL} names no profile for it"),
            Self::Floor => f.write_str("floor of the configuration"),
        }
    }
}

impl From<pss::Source> for Source {
    fn from(source: pss::Source) -> Self {
        match source {
            pss::Source::Defaults => Self::Defaults,
            pss::Source::Label(key) => Self::Label(key),
        }
    }
}

/// A namespace's policy, with where it comes from and what could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespacePolicy {
    /// The levels that are judged by.
    pub policy: Policy,
    /// What set the enforced pair.
    pub source: Source,
    /// Labels that were not understood, in a fixed order.
    pub invalid: Vec<InvalidLabel>,
    /// The profile that it takes.
    pub profile: Option<Arc<Profile>>,
    /// What the built-in admission enforces, where a label tells it to.
    pub builtin: Option<LevelVersion>,
    /// What would be enforced, were it not below the floor.
    pub below_floor: Option<LevelVersion>,
    /// Rules of the configuration.
    rules: Arc<[Demand]>,
}

impl NamespacePolicy {
    /// From a namespace's name and labels, over the configuration's defaults.
    pub fn of(
        name: &str,
        labels: &BTreeMap<String, String>,
        defaults: &Policy,
        settings: &Settings,
    ) -> Self {
        let labelled = from_labels(labels, defaults);
        let mut composed = Self {
            policy: labelled.policy,
            source: labelled.source.into(),
            invalid: labelled.invalid,
            profile: None,
            builtin: enforced_by_standard(labels),
            below_floor: None,
            rules: Arc::clone(&settings.rules),
        };
        if let Some(taken) = labels.get(PROFILE_LABEL) {
            composed.take(taken, name, settings);
        }
        if let Some(floor) = settings.floor.as_ref().filter(|floor| floor.is_for(name)) {
            let asked = composed.policy.enforce;
            composed.raise(floor.enforce, Source::Floor);
            composed.below_floor = (asked < floor.enforce).then_some(asked);
        }
        composed
    }

    fn take(&mut self, taken: &str, namespace: &str, settings: &Settings) {
        let Some(profile) = settings.profile(taken, namespace) else {
            self.invalid.push(InvalidLabel {
                label: PROFILE_LABEL,
                value: taken.to_owned(),
                allowed: "must be a profile of the configuration that this namespace may take",
            });
            self.raise(LevelVersion::latest(Level::Restricted), Source::UnknownProfile);
            return;
        };
        let source = Source::Profile(profile.name.clone());
        match self.source {
            Source::Label(_) => self.raise(profile.enforce, source),
            _ => (self.policy.enforce, self.source) = (profile.enforce, source),
        }
        self.profile = Some(Arc::clone(profile));
    }

    fn raise(&mut self, enforce: LevelVersion, source: Source) {
        if enforce > self.policy.enforce {
            (self.policy.enforce, self.source) = (enforce, source);
        }
    }

    /// The rules that hold: the configuration's, then the profile's.
    pub fn demands(&self) -> impl Iterator<Item = &Demand> {
        let required = self.profile.iter().flat_map(|profile| &profile.require);
        self.rules.iter().chain(required)
    }

    /// What the profile allows, where its level is the one in force.
    pub fn grants(&self) -> impl Iterator<Item = Grant<'_>> {
        let profile = self.profile.as_deref();
        let holds = |profile: &&Profile| {
            profile.enforce == self.policy.enforce
                || (profile.enforce.level, self.policy.enforce.level)
                    == (Level::Privileged, Level::Privileged)
        };
        profile.filter(holds).map(|profile| Grant::to_all(&profile.allow)).into_iter()
    }

    /// A pod with what the profile allows it, and these exceptions.
    pub fn relax<'p, 'a>(&self, pod: &'p Pod<'a>, exceptions: &[Grant<'_>]) -> Relaxed<'p, 'a> {
        let grants: Vec<_> = self.grants().chain(exceptions.iter().copied()).collect();
        Relaxed::by(pod, &grants)
    }

    /// What a pod breaks of all that is enforced: the level, then the rules. Which, without what is to be set.
    pub fn enforced(&self, newest: Minor, pod: &Relaxed<'_, '_>) -> Vec<Violation> {
        let mut violations = controls(self.policy.enforce, newest, pod, Caps::NONE);
        violations.extend(rules(self.demands(), Mode::Enforce, pod, Caps::NONE));
        violations
    }

    /// Whether nothing at all is judged.
    pub fn is_open(&self) -> bool {
        self.invalid.is_empty()
            && self.policy.is_fully_privileged()
            && self.demands().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pattern::Pattern, policy::Floor};

    fn profile(name: &str, enforce: &str, namespaces: &str) -> (String, Arc<Profile>) {
        let profile = Profile {
            name: name.to_owned(),
            enforce: LevelVersion::latest(enforce.parse().unwrap()),
            namespaces: namespaces
                .split_whitespace()
                .map(|it| it.parse::<Pattern>().unwrap())
                .collect(),
            allow: super::super::Relaxation::default(),
            require: Vec::new(),
        };
        (name.to_owned(), Arc::new(profile))
    }

    /// Labels as `key=value` words; the answer as level, source and whether the profile's `allow` holds.
    fn compose(namespace: &str, labels: &str, floor: Option<&str>) -> String {
        let labels = labels
            .split_whitespace()
            .map(|word| {
                let (key, value) = word.split_once('=').unwrap();
                let prefix =
                    if key == "profile" { "portcullis.dev" } else { "pod-security.kubernetes.io" };
                (format!("{prefix}/{key}"), value.to_owned())
            })
            .collect();
        let defaults =
            Policy { enforce: LevelVersion::latest(Level::Restricted), ..Policy::PRIVILEGED };
        let profiles = [
            profile("legacy", "baseline", "shop team-*"),
            profile("open", "privileged", "shop"),
            profile("strict", "restricted", ""),
        ];
        let floor = floor.map(|level| Floor {
            enforce: LevelVersion::latest(level.parse().unwrap()),
            except: ["legacy".parse::<Pattern>().unwrap()].into_iter().collect(),
        });
        let settings =
            Settings { profiles: profiles.into_iter().collect(), floor, ..Settings::default() };
        let composed = NamespacePolicy::of(namespace, &labels, &defaults, &settings);
        let allow = if composed.grants().next().is_some() { " +allow" } else { "" };
        format!("{} ({}){allow}", composed.policy.enforce.level, composed.source)
    }

    #[test]
    fn a_profile_replaces_the_defaults() {
        assert_eq!(compose("shop", "", None), "restricted (default of the configuration)");
        assert_eq!(compose("shop", "profile=legacy", None), "baseline (profile legacy) +allow");
        assert_eq!(compose("shop", "profile=open", None), "privileged (profile open) +allow");
        assert_eq!(compose("any", "profile=strict", None), "restricted (profile strict) +allow");
    }

    #[test]
    fn of_profile_and_labels_the_stricter_holds() {
        let enforce = "label pod-security.kubernetes.io/enforce";
        let compose = |labels| compose("shop", labels, None);
        assert_eq!(compose("enforce=restricted profile=legacy"), format!("restricted ({enforce})"));
        assert_eq!(
            compose("enforce=privileged profile=legacy"),
            "baseline (profile legacy) +allow"
        );
        assert_eq!(
            compose("enforce=baseline profile=legacy"),
            format!("baseline ({enforce}) +allow")
        );
    }

    #[test]
    fn a_profile_that_is_unknown_or_not_for_the_namespace_means_restricted() {
        let unknown = "restricted (label portcullis.dev/profile names no profile for it)";
        assert_eq!(compose("shop", "enforce=privileged profile=legcay", None), unknown);
        assert_eq!(compose("other", "enforce=privileged profile=legacy", None), unknown);
        assert_eq!(
            compose("team-a", "enforce=privileged profile=legacy", None),
            "baseline (profile legacy) +allow"
        );
    }

    #[test]
    fn nothing_in_the_labels_gets_below_the_floor() {
        let floor = Some("baseline");
        assert_eq!(
            compose("shop", "enforce=privileged", floor),
            "baseline (floor of the configuration)"
        );
        assert_eq!(
            compose("shop", "enforce=restricted", floor),
            "restricted (label pod-security.kubernetes.io/enforce)"
        );
        assert_eq!(compose("shop", "profile=open", floor), "baseline (floor of the configuration)");
        assert_eq!(
            compose("legacy", "enforce=privileged", floor),
            "privileged (label pod-security.kubernetes.io/enforce)"
        );
    }
}
