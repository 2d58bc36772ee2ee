//! The effective policy of a namespace: combines labels, profile and floor in one order.
//!
//! 1. Exempt namespaces are not judged at all. Callers check exemptions first.
//! 2. The floor, the labels and the profile: what any of them forbids is forbidden. Without standard labels and without
//!    a profile, the defaults apply instead. Portcullis' labels are always added.
//! 3. A profile's relaxations apply only if no level in force is above the profile's own.
//! 4. Exceptions relax the result.
//!
//! So adding a floor, one of Portcullis' labels, a level of a profile or a rule never admits what was denied. A profile
//! can: it replaces the defaults and adds relaxations. `tests/fast/standard/law.rs` checks this with generated pods.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    config::Config,
    harden::{self, Decision},
    pss::{
        InvalidLabel, Level, LevelVersion, Levels, Pod, Policy, enforced_by_standard, from_labels,
    },
    rules::Demand,
};

use super::{
    config::{PROFILE_LABEL, Profile, Settings},
    exceptions::{Grant, Relaxed},
};

/// The source of an enforced level of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration's defaults.
    Defaults,
    /// The label with this key.
    Label(&'static str),
    /// The profile of this name.
    Profile(String),
    /// A profile label with an unknown name, or a profile that is not for this namespace.
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

/// A namespace's policy, with its sources and errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// The levels of each mode.
    pub modes: Policy,
    /// The source of each enforced level. For equal levels, the first one counts.
    sources: Vec<(LevelVersion, Source)>,
    /// Invalid labels, in a fixed order.
    pub invalid: Vec<InvalidLabel>,
    /// The profile in force.
    pub profile: Option<Arc<Profile>>,
    /// The level that a label sets for the built-in admission.
    pub builtin: Option<LevelVersion>,
    /// The levels without the floor, if all of them are below it.
    pub below_floor: Option<Levels>,
    /// The hardening decision for its pods.
    pub hardening: Decision,
    /// The configuration's rules.
    rules: Arc<[Demand]>,
}

impl EffectivePolicy {
    /// Combines a namespace's name and labels with the configuration.
    pub fn new(name: &str, labels: &BTreeMap<String, String>, config: &Config) -> Self {
        let settings = &config.policies;
        let labelled = from_labels(labels, &config.defaults);
        let source = |label: Option<_>| label.map_or(Source::Defaults, Source::Label);
        let sources =
            labelled.sources.into_iter().flatten().map(|(pair, label)| (pair, source(label)));
        let mut composed = Self {
            modes: labelled.policy,
            sources: sources.collect(),
            invalid: labelled.invalid,
            profile: None,
            builtin: enforced_by_standard(labels),
            below_floor: None,
            hardening: Decision::Nothing,
            rules: Arc::clone(&settings.rules),
        };
        if let Some(taken) = labels.get(PROFILE_LABEL) {
            composed.take(taken, name, settings);
        }
        if let Some(floor) = settings.floor.as_ref().filter(|floor| floor.is_for(name)) {
            let asked = composed.modes.enforce;
            composed.below_floor = floor.enforce.is_above(asked.highest()).then_some(asked);
            composed.add(floor.enforce, Source::Floor);
        }
        composed.hardening = Decision::of(labels, &composed.modes, &config.harden);
        composed
    }

    /// The levels that labels set below the floor. None if only a default is below it.
    pub fn labelled_below_floor(&self) -> Option<&Levels> {
        let is_labelled = self.sources.iter().any(|(_, source)| matches!(source, Source::Label(_)));
        self.below_floor.as_ref().filter(|_| is_labelled)
    }

    /// All invalid labels of the namespace that has this policy and these labels. Creating it is refused.
    pub fn invalid_labels(&self, labels: &BTreeMap<String, String>) -> Vec<InvalidLabel> {
        self.invalid.iter().cloned().chain(harden::invalid_label(labels)).collect()
    }

    fn take(&mut self, taken: &str, namespace: &str, settings: &Settings) {
        let Some(profile) = settings.profile(taken, namespace) else {
            self.invalid.push(InvalidLabel {
                label: PROFILE_LABEL,
                value: taken.to_owned(),
                allowed: "must be a profile of the configuration that this namespace may take",
            });
            self.add(LevelVersion::latest(Level::Restricted), Source::UnknownProfile);
            return;
        };
        // It replaces the defaults but keeps the levels set by labels.
        self.sources.retain(|(_, source)| *source != Source::Defaults);
        self.sources.push((profile.enforce, Source::Profile(profile.name.clone())));
        self.collect_enforced();
        self.profile = Some(Arc::clone(profile));
    }

    fn add(&mut self, pair: LevelVersion, source: Source) {
        self.sources.push((pair, source));
        self.modes.enforce = self.modes.enforce.and(pair);
    }

    fn collect_enforced(&mut self) {
        let mut pairs = self.sources.iter().map(|(pair, _)| *pair);
        let first = pairs.next().map_or(Levels::PRIVILEGED, Levels::from);
        self.modes.enforce = pairs.fold(first, Levels::and);
    }

    /// The source of the highest enforced level.
    pub fn source(&self) -> Source {
        self.source_of(self.modes.enforce.highest())
    }

    fn source_of(&self, pair: LevelVersion) -> Source {
        let of_pair = self.sources.iter().find(|(known, _)| *known == pair);
        of_pair.map_or(Source::Defaults, |(_, source)| source.clone())
    }

    /// Whether this source alone sets one of the enforced levels.
    pub fn is_held_by(&self, source: &Source) -> bool {
        self.modes.enforce.iter().any(|pair| self.source_of(pair) == *source)
    }

    /// The enforced levels, each with its source.
    pub fn enforced_each(&self) -> Vec<(LevelVersion, Source)> {
        self.modes.enforce.iter().map(|pair| (pair, self.source_of(pair))).collect()
    }

    /// The enforced levels with their sources:
    /// `restricted:v1.0 (label pod-security.kubernetes.io/enforce) and baseline:latest (floor of the configuration)`.
    pub fn enforced_by(&self) -> String {
        let each = self.enforced_each().into_iter();
        let each = each.map(|(pair, source)| format!("{pair} ({source})"));
        each.collect::<Vec<_>>().join(" and ")
    }

    /// The rules in force: the configuration's, then the profile's.
    pub fn demands(&self) -> impl Iterator<Item = &Demand> {
        let required = self.profile.iter().flat_map(|profile| &profile.require);
        self.rules.iter().chain(required)
    }

    /// The profile's relaxations, if no level in force is above the profile's own.
    pub fn grants(&self) -> impl Iterator<Item = Grant<'_>> {
        let profile = self.profile.as_deref();
        let highest = self.modes.enforce.highest();
        let holds = |profile: &&Profile| {
            !highest.is_above(profile.enforce) || highest.level == Level::Privileged
        };
        profile.filter(holds).map(|profile| Grant::to_all(&profile.allow)).into_iter()
    }

    /// The pod with the relaxations of the profile and of these exceptions.
    pub fn relax<'p, 'a>(&'p self, pod: &'p Pod<'a>, exceptions: &[Grant<'_>]) -> Relaxed<'p, 'a> {
        let grants: Vec<_> = self.grants().chain(exceptions.iter().copied()).collect();
        let relaxed = Relaxed::by(pod, &grants);
        match &self.profile {
            Some(profile) => relaxed.beside_replaced(&profile.allow.requirements),
            None => relaxed,
        }
    }

    /// Whether nothing at all is judged.
    pub fn is_open(&self) -> bool {
        self.invalid.is_empty()
            && self.modes.is_fully_privileged()
            && self.demands().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Floor, pattern::Pattern, pss::Defaults};

    fn pair(text: &str) -> LevelVersion {
        let (level, version) = text.split_once(':').unwrap_or((text, "latest"));
        LevelVersion { level: level.parse().unwrap(), version: version.parse().unwrap() }
    }

    fn profile(name: &str, enforce: &str, namespaces: &str) -> (String, Arc<Profile>) {
        let profile = Profile {
            name: name.to_owned(),
            enforce: pair(enforce),
            namespaces: namespaces
                .split_whitespace()
                .map(|it| it.parse::<Pattern>().unwrap())
                .collect(),
            allow: crate::exceptions::Relaxation::default(),
            require: Vec::new(),
        };
        (name.to_owned(), Arc::new(profile))
    }

    /// Labels as `key=value` words, `our-` for Portcullis' labels. The result is the levels with their sources, and
    /// whether the profile's `allow` applies.
    fn compose(namespace: &str, labels: &str, floor: Option<&str>) -> String {
        let composed = policy(namespace, labels, floor, Level::Restricted);
        let allow = if composed.grants().next().is_some() { " +allow" } else { "" };
        format!("{}{allow}", composed.enforced_by()).replace(":latest", "")
    }

    fn policy(
        namespace: &str,
        labels: &str,
        floor: Option<&str>,
        default: Level,
    ) -> EffectivePolicy {
        let labels = labels
            .split_whitespace()
            .map(|word| {
                let (key, value) = word.split_once('=').unwrap();
                let key = match key.strip_prefix("our-") {
                    Some(key) => format!("portcullis.dev/{key}"),
                    None if key == "profile" => PROFILE_LABEL.to_owned(),
                    None => format!("pod-security.kubernetes.io/{key}"),
                };
                (key, value.to_owned())
            })
            .collect();
        let defaults = Defaults { enforce: LevelVersion::latest(default), ..Defaults::PRIVILEGED };
        let profiles = [
            profile("legacy", "baseline", "shop team-*"),
            profile("open", "privileged", "shop"),
            profile("strict", "restricted", ""),
            profile("old", "baseline:v1.20", "shop"),
        ];
        let floor = floor.map(|level| Floor {
            enforce: pair(level),
            except: ["legacy".parse::<Pattern>().unwrap()].into_iter().collect(),
        });
        let settings =
            Settings { profiles: profiles.into_iter().collect(), floor, ..Settings::default() };
        let config = Config { defaults, policies: Arc::new(settings), ..Config::embedded() };
        EffectivePolicy::new(namespace, &labels, &config)
    }

    #[test]
    fn only_a_label_asks_for_less_than_the_floor() {
        for (labels, default, is_below) in [
            ("", Level::Privileged, false),
            ("warn=privileged", Level::Privileged, false),
            ("enforce=privileged", Level::Privileged, true),
            ("enforce=privileged", Level::Restricted, true),
            ("our-enforce=privileged", Level::Privileged, true),
            ("our-enforce=privileged", Level::Restricted, false),
            ("enforce=privileged our-enforce=baseline", Level::Privileged, false),
            ("enforce=baseline", Level::Privileged, false),
            ("enforce=restricted", Level::Privileged, false),
            ("enforce=strict", Level::Privileged, false),
            ("profile=legacy", Level::Privileged, false),
            ("enforce=privileged profile=legacy", Level::Privileged, false),
        ] {
            let policy = policy("shop", labels, Some("baseline"), default);
            assert_eq!(policy.labelled_below_floor().is_some(), is_below, "{labels} {default}");
        }
    }

    #[test]
    fn a_profile_replaces_the_defaults() {
        assert_eq!(compose("shop", "", None), "restricted (default of the configuration)");
        assert_eq!(compose("shop", "profile=legacy", None), "baseline (profile legacy) +allow");
        assert_eq!(compose("shop", "profile=open", None), "privileged (profile open) +allow");
        assert_eq!(compose("any", "profile=strict", None), "restricted (profile strict) +allow");
    }

    #[test]
    fn of_profile_and_labels_both_hold() {
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
        assert_eq!(
            compose("enforce=restricted enforce-version=v1.0 profile=legacy"),
            format!("restricted:v1.0 ({enforce}) and baseline (profile legacy)")
        );
        assert_eq!(
            compose("enforce=baseline enforce-version=v1.0 profile=legacy"),
            format!("baseline (profile legacy) and baseline:v1.0 ({enforce}) +allow")
        );
        assert_eq!(
            compose("enforce=baseline profile=old"),
            format!("baseline ({enforce}) and baseline:v1.20 (profile old)")
        );
    }

    #[test]
    fn labels_of_ours_are_added_to_all_else() {
        let ours = "label portcullis.dev/enforce";
        let default = "default of the configuration";
        let compose = |labels| compose("shop", labels, None);
        assert_eq!(compose("our-enforce=privileged"), format!("restricted ({default})"));
        assert_eq!(compose("our-enforce=restricted"), format!("restricted ({ours})"));
        assert_eq!(
            compose("our-enforce=restricted our-enforce-version=v1.0"),
            format!("restricted ({default}) and restricted:v1.0 ({ours})")
        );
        assert_eq!(
            compose("our-enforce=restricted our-enforce-version=v1.0 profile=legacy"),
            format!("restricted:v1.0 ({ours}) and baseline (profile legacy)")
        );
        assert_eq!(
            compose("our-enforce=privileged profile=legacy"),
            "baseline (profile legacy) +allow"
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
            compose("shop", "enforce=restricted enforce-version=v1.0", floor),
            "restricted:v1.0 (label pod-security.kubernetes.io/enforce) and baseline (floor of the configuration)"
        );
        assert_eq!(
            compose("shop", "enforce=baseline", Some("baseline:v1.20")),
            "baseline (label pod-security.kubernetes.io/enforce) and baseline:v1.20 (floor of the configuration)"
        );
        assert_eq!(
            compose("legacy", "enforce=privileged", floor),
            "privileged (label pod-security.kubernetes.io/enforce)"
        );
    }
}
