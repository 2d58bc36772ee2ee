//! Levels and versions of the Pod Security Standards.

use std::{fmt, str::FromStr};

/// The newest minor version in which any control of the table changes: the upper limit of `latest`.
pub const NEWEST: Minor = Minor(37);

words! {
    /// The strictness of a policy: `privileged` < `baseline` < `restricted`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Level {
        /// Nothing is forbidden.
        Privileged = "privileged",
        /// Known privilege escalations are forbidden.
        Baseline = "baseline",
        /// Current hardening practice is required.
        Restricted = "restricted",
    }
}

/// The minor number of a Kubernetes version: 25 for v1.25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor(pub u64);

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1.{}", self.0)
    }
}

/// A policy version as people write it: `v1.25` or `latest`. `latest` is newer than any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `v1.N`.
    V1(Minor),
    /// The newest version that both the build and the cluster know.
    Latest,
}

impl Version {
    /// The revision of the Standard to judge by: a version newer than `newest` is judged as `newest`.
    pub fn resolve(self, newest: Minor) -> Minor {
        match self {
            Self::V1(minor) => minor.min(newest),
            Self::Latest => newest,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1(minor) => minor.fmt(f),
            Self::Latest => f.write_str("latest"),
        }
    }
}

/// The text is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be \"latest\" or \"v1.x\"")]
pub struct InvalidVersion;

impl FromStr for Version {
    type Err = InvalidVersion;

    /// Upstream's `^v1\.([0-9]|[1-9][0-9]*)$`: no leading zero, no patch number.
    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let digits = text.strip_prefix("v1.").ok_or(InvalidVersion)?;
        let canonical = digits.bytes().all(|b| b.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        // Go parses the number as an int64, so a number too large for that is invalid there, too.
        match digits.parse::<u64>() {
            Ok(minor) if canonical && i64::try_from(minor).is_ok() => Ok(Self::V1(Minor(minor))),
            _ => Err(InvalidVersion),
        }
    }
}

/// A level in a version, written `restricted:v1.25`. It has no order: see [`Levels`](super::Levels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LevelVersion {
    /// The level.
    pub level: Level,
    /// The version of the Standard.
    pub version: Version,
}

impl LevelVersion {
    /// `privileged:latest`, upstream's default for every mode.
    pub const PRIVILEGED: Self = Self::latest(Level::Privileged);

    /// The level in its newest version.
    pub const fn latest(level: Level) -> Self {
        Self { level, version: Version::Latest }
    }

    /// Whether it is a higher level, or a newer version of the same level. This determines the order in messages, not
    /// what is forbidden.
    pub fn is_above(self, other: Self) -> bool {
        (self.level, self.version) > (other.level, other.version)
    }

    /// Whether it forbids everything that the other one does: a level of the same version that is not lower. Privileged
    /// forbids nothing in any version.
    pub fn includes(self, other: Self) -> bool {
        other.level == Level::Privileged
            || (self.version == other.version && self.level >= other.level)
    }
}

impl fmt::Display for LevelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_as_upstream_reads_them() {
        for text in ["v1.0", "v1.9", "v1.10", "v1.99999", "latest"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "v1",
            "v1.",
            "v1.01",
            "v1.-1",
            "v1.+1",
            "1.25",
            "v2.0",
            "v1.25.3",
            "Latest",
            "v1.9223372036854775808",
        ] {
            assert_eq!(text.parse::<Version>(), Err(InvalidVersion), "{text}");
        }
    }

    #[test]
    fn levels_are_exact_words() {
        for level in Level::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        assert_eq!(
            "Restricted".parse::<Level>().unwrap_err().to_string(),
            "must be one of privileged, baseline, restricted"
        );
    }

    #[test]
    fn a_version_from_the_future_is_the_newest() {
        let at = |text: &str| text.parse::<Version>().unwrap().resolve(Minor(30));
        assert_eq!(at("latest"), Minor(30));
        assert_eq!(at("v1.31"), Minor(30));
        assert_eq!(at("v1.29"), Minor(29));
    }
}
