//! A namespace's policy from its labels. Labels always yield a policy: an unreadable one fails in a defined direction,
//! and is reported.

use std::{collections::BTreeMap, fmt, str::FromStr};

use super::{
    level::{Level, LevelVersion, Version},
    levels::Levels,
};

/// The six label keys of one prefix: level and version of each mode.
#[derive(Debug, PartialEq, Eq)]
pub struct Keys {
    enforce: [&'static str; 2],
    audit: [&'static str; 2],
    warn: [&'static str; 2],
}

/// Upstream's labels, which the built-in admission reads too.
pub static STANDARD: Keys = Keys {
    enforce: ["pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/enforce-version"],
    audit: ["pod-security.kubernetes.io/audit", "pod-security.kubernetes.io/audit-version"],
    warn: ["pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/warn-version"],
};

/// Portcullis' labels, for namespaces in which the built-in admission stays lenient.
pub static OWN: Keys = Keys {
    enforce: ["portcullis.dev/enforce", "portcullis.dev/enforce-version"],
    audit: ["portcullis.dev/audit", "portcullis.dev/audit-version"],
    warn: ["portcullis.dev/warn", "portcullis.dev/warn-version"],
};

/// Whether a label sets a policy; others need not be kept.
pub fn is_policy_label(key: &str) -> bool {
    policy_labels().any(|label| label == key)
}

/// The labels that set a policy.
pub fn policy_labels() -> impl Iterator<Item = &'static str> + Clone {
    let modes = |keys: &'static Keys| [keys.enforce, keys.audit, keys.warn];
    [&STANDARD, &OWN].into_iter().flat_map(modes).flatten()
}

/// The levels of each mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy<L = Levels> {
    /// Pods that violate it are denied.
    pub enforce: L,
    /// Violations are added to the audit log.
    pub audit: L,
    /// Violations are returned as warnings.
    pub warn: L,
}

/// The level of each mode in the absence of labels.
pub type Defaults = Policy<LevelVersion>;

impl Defaults {
    /// Judges nothing: upstream's default.
    pub const PRIVILEGED: Self = Self {
        enforce: LevelVersion::PRIVILEGED,
        audit: LevelVersion::PRIVILEGED,
        warn: LevelVersion::PRIVILEGED,
    };
}

impl From<Defaults> for Policy {
    fn from(Defaults { enforce, audit, warn }: Defaults) -> Self {
        Self { enforce: enforce.into(), audit: audit.into(), warn: warn.into() }
    }
}

impl Policy {
    /// Whether no mode can find a violation.
    pub fn is_fully_privileged(&self) -> bool {
        ![self.enforce, self.audit, self.warn].iter().any(Levels::forbid_anything)
    }

    /// Whether both ask for the same in every mode.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let is_same = |a: Levels, b: Levels| a.include_all(&b) && b.include_all(&a);
        is_same(self.enforce, other.enforce)
            && is_same(self.audit, other.audit)
            && is_same(self.warn, other.warn)
    }
}

/// A label whose value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidLabel {
    /// The label's key.
    pub label: &'static str,
    /// Its value.
    pub value: String,
    /// The allowed values.
    pub allowed: &'static str,
}

impl InvalidLabel {
    /// The error message without the label's name.
    pub fn wrong(&self) -> String {
        format!("Invalid value: {:?}: {}", self.value, self.allowed)
    }
}

impl fmt::Display for InvalidLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata.labels[{}]: {}", self.label, self.wrong())
    }
}

/// A namespace's policy, with its sources and errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespacePolicy {
    /// The policy to judge by.
    pub policy: Policy,
    /// The enforced levels, each with the label that sets it, if any. For equal levels, the first label is reported.
    pub sources: [Option<(LevelVersion, Option<&'static str>)>; 2],
    /// Invalid labels, in a fixed order.
    pub invalid: Vec<InvalidLabel>,
}

/// Reads a namespace's labels over the defaults, as upstream's `PolicyToEvaluate` does for the standard prefix.
/// Portcullis' labels are added to that, so they lower neither a standard label nor a default.
pub fn from_labels(labels: &BTreeMap<String, String>, defaults: &Defaults) -> NamespacePolicy {
    let standard = Labelled::read(labels, &STANDARD, defaults);
    let own = Labelled::read(labels, &OWN, defaults);
    let by_standard =
        Some((standard.enforce.pair, standard.enforce.is_set.then_some(STANDARD.enforce[0])));
    let by_own = own.enforce.is_set.then_some((own.enforce.pair, Some(OWN.enforce[0])));
    // If a default equals the label, report the label, which is what users look for.
    let sources = match standard.enforce.is_set {
        true => [by_standard, by_own],
        false => [by_own, by_standard],
    };
    NamespacePolicy {
        policy: Policy {
            enforce: own.enforce.beside(standard.enforce),
            audit: own.audit.beside(standard.audit),
            warn: own.warn.beside(standard.warn),
        },
        sources,
        invalid: [standard.invalid, own.invalid].concat(),
    }
}

/// The level that the built-in admission enforces by these labels, regardless of Portcullis' labels. None without a
/// standard label, because the built-in admission's defaults are unknown here.
pub fn enforced_by_standard(labels: &BTreeMap<String, String>) -> Option<LevelVersion> {
    let [level, version] = STANDARD.enforce;
    let is_set = labels.contains_key(level) || labels.contains_key(version);
    is_set.then(|| Labelled::read(labels, &STANDARD, &Defaults::PRIVILEGED).enforce.pair)
}

/// One mode of one prefix.
#[derive(Clone, Copy)]
struct Pair {
    pair: LevelVersion,
    /// Whether a label set it, rather than the defaults.
    is_set: bool,
}

impl Pair {
    /// The level that Portcullis' labels ask for, if any, in addition to the standard ones or the defaults.
    fn beside(self, standard: Self) -> Levels {
        let levels = Levels::from(standard.pair);
        if self.is_set { levels.and(self.pair) } else { levels }
    }
}

/// The three modes of one prefix.
struct Labelled {
    enforce: Pair,
    audit: Pair,
    warn: Pair,
    invalid: Vec<InvalidLabel>,
}

impl Labelled {
    fn read(labels: &BTreeMap<String, String>, keys: &Keys, defaults: &Defaults) -> Self {
        let mut reader = Reader { labels, invalid: Vec::new() };
        // An unreadable level fails closed for enforce, open for audit and warn (upstream's `api/helpers.go`).
        let (enforce, level) = reader.mode(keys.enforce, defaults.enforce, Level::Restricted);
        let (audit, _) = reader.mode(keys.audit, defaults.audit, Level::Privileged);
        let (mut warn, warn_level) = reader.mode(keys.warn, defaults.warn, Level::Privileged);
        // A namespace that enforces more than the default warn level also warns at the enforced level.
        if let (LabelState::Valid, LabelState::Absent) = (level, warn_level)
            && enforce.pair.level > warn.pair.level
        {
            if !warn.is_set {
                warn.pair.version = enforce.pair.version;
            }
            warn.pair.level = enforce.pair.level;
            warn.is_set = true;
        }
        Self { enforce, audit, warn, invalid: reader.invalid }
    }
}

#[derive(Clone, Copy)]
enum LabelState {
    Absent,
    Valid,
    Invalid,
}

struct Reader<'a> {
    labels: &'a BTreeMap<String, String>,
    invalid: Vec<InvalidLabel>,
}

impl Reader<'_> {
    fn mode(
        &mut self,
        [level, version]: [&'static str; 2],
        default: LevelVersion,
        on_invalid: Level,
    ) -> (Pair, LabelState) {
        let level = self.label(level, "must be one of privileged, baseline, restricted");
        let version = self.label(version, "must be \"latest\" or \"v1.x\"");
        let state = match level {
            None => LabelState::Absent,
            Some(None) => LabelState::Invalid,
            Some(Some(_)) => LabelState::Valid,
        };
        let pair = LevelVersion {
            level: level.map_or(default.level, |level| level.unwrap_or(on_invalid)),
            version: version.map_or(default.version, |version| version.unwrap_or(Version::Latest)),
        };
        let is_set = level.is_some() || version.is_some();
        (Pair { pair, is_set }, state)
    }

    /// `None` without such a label, `Some(None)` for an invalid value.
    fn label<T: FromStr>(
        &mut self,
        label: &'static str,
        allowed: &'static str,
    ) -> Option<Option<T>> {
        let value = self.labels.get(label)?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.invalid.push(InvalidLabel { label, value: value.clone(), allowed });
        }
        Some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels as `key=value` words; the result as `enforce audit warn`, then the invalid labels.
    fn read(labels: &str) -> String {
        let labels = labels
            .split_whitespace()
            .map(|word| {
                let (key, value) = word.split_once('=').unwrap();
                let key = match key.strip_prefix("our-") {
                    Some(key) => format!("portcullis.dev/{key}"),
                    None => format!("pod-security.kubernetes.io/{key}"),
                };
                (key, value.to_owned())
            })
            .collect();
        let defaults =
            Defaults { enforce: LevelVersion::latest(Level::Baseline), ..Defaults::PRIVILEGED };
        let read = from_labels(&labels, &defaults);
        let Policy { enforce, audit, warn } = read.policy;
        let [enforce, audit, warn] =
            [enforce, audit, warn].map(|levels| levels.to_string().replace(", ", "+"));
        let invalid: Vec<_> = read.invalid.iter().map(|label| label.label).collect();
        format!("{enforce} {audit} {warn} {}", invalid.join(" "))
            .replace(":latest", "")
            .replace("pod-security.kubernetes.io/", "!")
            .replace("portcullis.dev/", "!our-")
            .trim()
            .to_owned()
    }

    #[test]
    fn labels_override_the_defaults() {
        assert_eq!(read(""), "baseline privileged privileged");
        assert_eq!(read("enforce=privileged"), "privileged privileged privileged");
        assert_eq!(read("enforce-version=v1.20"), "baseline:v1.20 privileged privileged");
    }

    #[test]
    fn warn_follows_a_stricter_enforce_label() {
        assert_eq!(read("enforce=restricted"), "restricted privileged restricted");
        assert_eq!(
            read("enforce=restricted enforce-version=v1.20"),
            "restricted:v1.20 privileged restricted:v1.20"
        );
        assert_eq!(
            read("enforce=restricted enforce-version=v1.20 warn-version=v1.21"),
            "restricted:v1.20 privileged restricted:v1.21"
        );
        assert_eq!(read("enforce=restricted warn=baseline"), "restricted privileged baseline");
    }

    #[test]
    fn what_cannot_be_read_fails_to_a_stated_side() {
        assert_eq!(
            read("enforce=x audit=x warn=x"),
            "restricted privileged privileged !enforce !audit !warn"
        );
        assert_eq!(
            read("enforce=restricted enforce-version=1.20 warn=baseline"),
            "restricted privileged baseline !enforce-version"
        );
    }

    #[test]
    fn of_both_prefixes_both_hold() {
        assert_eq!(
            read("enforce=privileged our-enforce=restricted our-enforce-version=v1.30"),
            "restricted:v1.30 privileged restricted:v1.30"
        );
        assert_eq!(
            read("enforce=restricted warn=baseline our-enforce=privileged"),
            "restricted privileged baseline"
        );
        assert_eq!(
            read("enforce=restricted enforce-version=v1.0 warn=privileged our-enforce=baseline"),
            "restricted:v1.0+baseline privileged baseline"
        );
        assert_eq!(
            read("audit=restricted audit-version=v1.9 our-audit=baseline our-audit-version=v1.8"),
            "baseline restricted:v1.9+baseline:v1.8 privileged"
        );
        assert_eq!(
            read("enforce=baseline our-enforce=y"),
            "restricted privileged baseline !our-enforce"
        );
    }

    #[test]
    fn labels_of_ours_lower_no_default() {
        assert_eq!(read("our-enforce=privileged"), "baseline privileged privileged");
        assert_eq!(
            read("our-enforce-version=v1.20"),
            "baseline+baseline:v1.20 privileged privileged"
        );
        assert_eq!(
            read("our-enforce=restricted our-enforce-version=v1.20"),
            "restricted:v1.20+baseline privileged restricted:v1.20"
        );
    }
}
