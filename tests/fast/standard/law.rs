//! Adding a floor, a label, a profile's level or a rule never admits a pod that was denied. The enforced policy is the
//! union: a pod is denied exactly if one of the levels alone denies it.

use std::{borrow::Cow, collections::BTreeMap, env, sync::Arc};

use policy::{
    config::{Config, Floor, PROFILE_LABEL, Profile, Settings},
    exceptions::{Relaxation, Subject},
    pss::{CONTROLS, Control, Defaults, Level, LevelVersion, Minor, NEWEST, Pod, Version},
    requirement::Requirement,
    rules::{Check, Demand, Mode},
    verdict::{Context, ExceptionsAt, Form, PodCase},
};

use crate::{
    generator::{Generator, Random},
    standard::broken,
};

/// The default number of generated pods.
const PODS: u64 = 2_000;
const PODS_VARIABLE: &str = "PORTCULLIS_LAW_CASES";
const NAMESPACE: &str = "shop";
const MODES: [&str; 3] = ["enforce", "audit", "warn"];

/// Everything that can make a policy stricter. Each part is optional.
#[derive(Clone, Debug)]
struct Setup {
    defaults: [LevelVersion; 3],
    /// Levels and versions in labels for each mode; not all are valid.
    standard: [Label; 3],
    ours: [Label; 3],
    profile: Option<LevelVersion>,
    allow: Relaxation,
    floor: Option<LevelVersion>,
    rules: Vec<Demand>,
    newest: Minor,
}

#[derive(Clone, Debug, Default)]
struct Label {
    level: Option<&'static str>,
    version: Option<String>,
}

#[test]
fn what_makes_a_policy_stricter_admits_nothing() {
    let pods = env::var(PODS_VARIABLE).map_or(PODS, |count| count.parse().unwrap());
    let generator = Generator::new();
    let mut denied = 0;
    for number in 0..pods {
        let text = generator.pod(number);
        let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
        let mut random = Random::new(!number);
        let setup = Setup::random(&mut random);
        for (added, before, after) in setup.additions() {
            let (old, new) = (before.verdicts(&pod), after.verdicts(&pod));
            for (mode, (old, new)) in MODES.into_iter().zip(old.into_iter().zip(new)) {
                denied += u64::from(old);
                assert!(new || !old, "{added} loosens {mode}\n{before:#?}\n{after:#?}\n{text}");
            }
        }
    }
    assert!(denied > pods, "only {denied} verdicts were denials before something was added");
}

#[test]
fn a_pod_is_denied_where_any_of_the_levels_denies_it() {
    let pods = env::var(PODS_VARIABLE).map_or(PODS, |count| count.parse().unwrap());
    let generator = Generator::new();
    let (mut by_several, mut by_replaced) = (0, 0);
    for number in 0..pods {
        let text = generator.pod(number);
        let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
        let mut random = Random::new(!number);
        let setup =
            Setup { allow: Relaxation::default(), rules: Vec::new(), ..Setup::random(&mut random) };
        let expected = setup.expected();
        let alone = expected
            .iter()
            .map(|pair| broken(pair.level, pair.version.resolve(setup.newest), &pod));
        let alone: Vec<_> = alone.collect();
        let [ids, ..] = setup.broken(&pod);
        let is_denied = alone.iter().any(|ids| !ids.is_empty());
        let shown = || format!("{setup:#?}\nagainst {expected:?}\n{text}");
        assert_eq!(!ids.is_empty(), is_denied, "{}", shown());
        // All findings are required by a level, unique, and in the table's order.
        assert!(
            ids.iter().all(|id| alone.iter().flatten().any(|known| known == id)),
            "{}",
            shown()
        );
        let places: Vec<_> =
            ids.iter().map(|id| Requirement::find(id).unwrap().position()).collect();
        assert!(places.windows(2).all(|two| two[0] < two[1]), "{ids:?}\n{}", shown());
        // A missing finding is replaced by that of a control of restricted.
        for id in alone.iter().flatten().filter(|id| !ids.contains(id)) {
            let better = CONTROLS.iter().find(|control| control.overrides == Some(id));
            assert!(better.is_some_and(|it| ids.contains(&it.id)), "{id} of {ids:?}\n{}", shown());
            by_replaced += 1;
        }
        by_several += u64::from(alone.iter().filter(|ids| !ids.is_empty()).count() > 1);
    }
    assert!(by_several > pods / 10 && by_replaced > pods / 100, "{by_several} {by_replaced}");
}

/// The control of restricted admits a volume with two sources, which the baseline control denies. If a floor ends an
/// allowance of the profile, both must apply.
#[test]
fn a_floor_that_ends_what_a_profile_allows_keeps_what_that_brought_back() {
    let pod = r#"{"spec":{"containers":[{"name":"app","securityContext":{"allowPrivilegeEscalation":false,
        "capabilities":{"drop":["ALL"]},"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}}}],
        "volumes":[{"name":"two","emptyDir":{},"hostPath":{"path":"/"}}]}}"#;
    let pod: Pod<'_> = serde_json::from_str(pod).unwrap();
    let restricted = |version| LevelVersion { level: Level::Restricted, version };
    let volumes = Requirement::find("restrictedVolumes").unwrap();
    let before = Setup {
        defaults: [LevelVersion::PRIVILEGED, restricted(Version::Latest), LevelVersion::PRIVILEGED],
        standard: <[Label; 3]>::default(),
        ours: <[Label; 3]>::default(),
        profile: Some(restricted(Version::V1(Minor(30)))),
        allow: Relaxation { requirements: vec![volumes], ..Relaxation::default() },
        floor: None,
        rules: Vec::new(),
        newest: NEWEST,
    };
    let after = Setup { floor: Some(restricted(Version::Latest)), ..before.clone() };
    assert_eq!(before.verdicts(&pod), [true, true, false]);
    assert_eq!(after.verdicts(&pod), [true, true, false]);
    // Restricted alone admits it, as upstream does.
    assert!(broken(Level::Restricted, NEWEST, &pod).is_empty());
}

impl Setup {
    fn random(random: &mut Random) -> Self {
        Self {
            defaults: [pair(random), pair(random), pair(random)],
            standard: [label(random), label(random), label(random)],
            ours: [label(random), label(random), label(random)],
            profile: random.one_in(2).then(|| pair(random)),
            allow: if random.one_in(2) { relaxation(random) } else { Relaxation::default() },
            floor: random.one_in(2).then(|| pair(random)),
            rules: if random.one_in(3) { vec![rule(random)] } else { Vec::new() },
            newest: Minor(random.next() % (NEWEST.0 + 1)),
        }
    }

    /// The setup without and with each addition.
    fn additions(&self) -> Vec<(&'static str, Self, Self)> {
        let without_floor = Self { floor: None, ..self.clone() };
        let without_ours = Self { ours: <[Label; 3]>::default(), ..self.clone() };
        let without_rules = Self { rules: Vec::new(), ..self.clone() };
        let mut additions = vec![
            ("a floor", without_floor, self.clone()),
            ("labels of ours", without_ours, self.clone()),
            ("a rule", without_rules, self.clone()),
        ];
        // A profile replaces the defaults. With labels, its level is added.
        if self.standard[0].is_set() {
            let plain = Self { allow: Relaxation::default(), ..self.clone() };
            let without_profile = Self { profile: None, ..plain.clone() };
            additions.push(("a profile's level", without_profile, plain));
        }
        additions
    }

    fn labels_and_config(&self) -> (BTreeMap<String, String>, Config) {
        let mut labels = BTreeMap::new();
        let families =
            [("pod-security.kubernetes.io", &self.standard), ("portcullis.dev", &self.ours)];
        for (prefix, family) in families {
            for (mode, label) in MODES.into_iter().zip(family) {
                let level = label.level.map(|level| (format!("{prefix}/{mode}"), level.to_owned()));
                let version = label.version.clone();
                labels.extend(level);
                labels.extend(version.map(|it| (format!("{prefix}/{mode}-version"), it)));
            }
        }
        let [enforce, audit, warn] = self.defaults;
        let mut settings = Settings { rules: Arc::from(self.rules.clone()), ..Settings::default() };
        if let Some(enforce) = self.profile {
            labels.insert(PROFILE_LABEL.to_owned(), "special".to_owned());
            let profile = Profile {
                name: "special".to_owned(),
                enforce,
                namespaces: [NAMESPACE.parse().unwrap()].into_iter().collect(),
                allow: self.allow.clone(),
                require: Vec::new(),
            };
            settings.profiles.insert(profile.name.clone(), Arc::new(profile));
        }
        settings.floor = self.floor.map(|enforce| Floor { enforce, except: Default::default() });
        let defaults = Defaults { enforce, audit, warn };
        (labels, Config { defaults, policies: Arc::new(settings), ..Config::embedded() })
    }

    /// The ids of the violations for each mode.
    fn broken(&self, pod: &Pod<'_>) -> [Vec<&'static str>; 3] {
        let (labels, config) = self.labels_and_config();
        let context =
            Context { config: &config, newest: self.newest, excepted: ExceptionsAt::none() };
        let policy = Cow::Owned(context.policy(NAMESPACE, &labels));
        let case = PodCase::new(&Subject::made_by(pod, NAMESPACE, None), policy, context).unwrap();
        [Mode::Enforce, Mode::Audit, Mode::Warn].map(|mode| {
            let violations = case.broken(Form::Written, mode);
            violations.iter().map(|violation| violation.requirement.id()).collect()
        })
    }

    /// Whether the pod violates each of the modes.
    fn verdicts(&self, pod: &Pod<'_>) -> [bool; 3] {
        self.broken(pod).map(|ids| !ids.is_empty())
    }

    /// The expected enforced levels, computed independently.
    fn expected(&self) -> Vec<LevelVersion> {
        let [default, ..] = self.defaults;
        let (standard, ours) = (&self.standard[0], &self.ours[0]);
        let replaced = self.profile.is_some() && !standard.is_set();
        let standard = (!replaced).then(|| standard.over(default));
        let ours = ours.is_set().then(|| ours.over(default));
        [standard, ours, self.profile, self.floor].into_iter().flatten().collect()
    }
}

impl Label {
    fn is_set(&self) -> bool {
        self.level.is_some() || self.version.is_some()
    }

    /// As upstream reads it: an invalid level is restricted, an invalid version is latest.
    fn over(&self, default: LevelVersion) -> LevelVersion {
        let level = self.level.map(|level| level.parse().unwrap_or(Level::Restricted));
        let version = self.version.as_ref();
        let version = version.map(|version| version.parse().unwrap_or(Version::Latest));
        LevelVersion {
            level: level.unwrap_or(default.level),
            version: version.unwrap_or(default.version),
        }
    }
}

fn version(random: &mut Random) -> Version {
    // Including versions that no build knows yet.
    match random.next() % (NEWEST.0 + 4) {
        minor if minor == NEWEST.0 + 3 => Version::Latest,
        minor => Version::V1(Minor(minor)),
    }
}

fn pair(random: &mut Random) -> LevelVersion {
    let level = *random.pick(&[Level::Privileged, Level::Baseline, Level::Restricted]);
    LevelVersion { level, version: version(random) }
}

fn label(random: &mut Random) -> Label {
    let levels = ["privileged", "baseline", "restricted", "Restricted", ""];
    Label {
        level: random.one_in(2).then(|| *random.pick(&levels)),
        version: random.one_in(3).then(|| match random.one_in(8) {
            true => "1.30".to_owned(),
            false => version(random).to_string(),
        }),
    }
}

fn relaxation(random: &mut Random) -> Relaxation {
    let mut allow = Relaxation::default();
    for _ in 0..random.below(4) {
        allow.requirements.push(Requirement::Control(random.pick::<&Control>(&CONTROLS)));
    }
    if random.one_in(2) {
        allow.capabilities = ["NET_RAW", "SYS_ADMIN"].map(str::to_owned).into();
        allow.volume_types = ["nfs".to_owned(), "hostPath".to_owned()].into();
    }
    allow
}

fn rule(random: &mut Random) -> Demand {
    let check = match random.below(3) {
        0 => Check::ReadOnlyRootFilesystem,
        1 => Check::ImageDigest,
        _ => Check::UserNamespaces,
    };
    Demand { mode: Mode::Enforce, check }
}
