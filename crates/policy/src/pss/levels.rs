//! The levels of one mode: a pod must meet every one of them.

use std::fmt;

use super::level::{Level, LevelVersion, Minor, Version};

/// The number of sources: the defaults or the standard labels, Portcullis' labels, a profile, the floor, and a
/// proposal.
const MOST: usize = 5;

/// A small set of levels, each in its version. It is never empty: if nothing is forbidden, it contains privileged.
///
/// Levels and versions do not form one order of strictness, because newer versions can also allow more.
/// `baseline:v1.34` forbids a host in probes, which `restricted:v1.0` allows; `baseline:v1.0` forbids sysctls that
/// `baseline:v1.37` allows. So levels from several sources are all kept, and whatever any of them forbids is forbidden.
#[derive(Clone, Copy)]
pub struct Levels {
    /// Sorted: the highest level first, then the newest version. Without duplicates.
    pairs: [LevelVersion; MOST],
    count: usize,
}

impl Levels {
    /// Forbids nothing.
    pub const PRIVILEGED: Self = Self { pairs: [LevelVersion::PRIVILEGED; MOST], count: 1 };

    /// Adds a level.
    #[must_use]
    pub fn and(mut self, pair: LevelVersion) -> Self {
        if pair.level == Level::Privileged || self.all().contains(&pair) {
            return self;
        }
        if !self.forbid_anything() {
            return pair.into();
        }
        let place = self.all().iter().take_while(|known| known.is_above(pair)).count();
        if let Some(rest) = self.pairs.get_mut(place..) {
            rest.rotate_right(1);
            rest.iter_mut().take(1).for_each(|free| *free = pair);
            // The array has room for every source.
            self.count = (self.count + 1).min(MOST);
        }
        self
    }

    /// The union of both sets.
    #[must_use]
    pub fn union(self, others: Self) -> Self {
        others.all().iter().fold(self, |all, pair| all.and(*pair))
    }

    /// Every level and version, the highest first.
    pub fn all(&self) -> &[LevelVersion] {
        self.pairs.get(..self.count).unwrap_or_default()
    }

    /// The levels to show: without baseline if restricted has the same version.
    pub fn iter(&self) -> impl Iterator<Item = LevelVersion> {
        let all = self.all().iter();
        all.filter(|pair| !self.all().iter().any(|other| other != *pair && other.includes(**pair)))
            .copied()
    }

    /// The levels to show, as a set.
    #[must_use]
    pub fn shown(&self) -> Self {
        self.iter().fold(Self::PRIVILEGED, Self::and_or_only)
    }

    /// The highest level, in its newest version.
    pub fn highest(&self) -> LevelVersion {
        let [highest, ..] = self.pairs;
        highest
    }

    /// The highest level.
    pub fn level(&self) -> Level {
        self.highest().level
    }

    /// Whether any pod can violate them.
    pub fn forbid_anything(&self) -> bool {
        self.level() != Level::Privileged
    }

    /// Whether one of them includes this level in the same version.
    pub fn include(&self, pair: LevelVersion) -> bool {
        self.all().iter().any(|known| known.includes(pair))
    }

    /// Whether each of the others is included.
    pub fn include_all(&self, others: &Self) -> bool {
        others.all().iter().all(|pair| self.include(*pair))
    }

    /// The same levels in this version.
    #[must_use]
    pub fn at(&self, version: Version) -> Self {
        self.map(|pair| LevelVersion { version, ..pair })
    }

    /// Replaces `latest` and newer versions by the newest number.
    #[must_use]
    pub fn resolve(&self, newest: Minor) -> Self {
        self.map(|LevelVersion { level, version }| LevelVersion {
            level,
            version: Version::V1(version.resolve(newest)),
        })
    }

    fn map(&self, change: impl FnMut(LevelVersion) -> LevelVersion) -> Self {
        self.all().iter().copied().map(change).fold(Self::PRIVILEGED, Self::and_or_only)
    }

    /// Adds a level. A privileged one keeps its version if there is nothing else.
    fn and_or_only(self, pair: LevelVersion) -> Self {
        if self.forbid_anything() || pair.level != Level::Privileged {
            return self.and(pair);
        }
        pair.into()
    }
}

impl From<LevelVersion> for Levels {
    fn from(pair: LevelVersion) -> Self {
        Self { pairs: [pair; MOST], count: 1 }
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self::PRIVILEGED
    }
}

impl PartialEq for Levels {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for Levels {}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.all(), f)
    }
}

/// `restricted:v1.0, baseline:latest`.
impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pair) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{pair}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str) -> LevelVersion {
        let (level, version) = text.split_once(':').unwrap_or((text, "latest"));
        LevelVersion { level: level.parse().unwrap(), version: version.parse().unwrap() }
    }

    fn levels(words: &str) -> Levels {
        words.split_whitespace().map(pair).fold(Levels::PRIVILEGED, Levels::and)
    }

    #[test]
    fn a_pair_that_another_one_includes_is_kept_but_not_shown() {
        for (words, shown, all) in [
            ("", "privileged:latest", 1),
            ("privileged:v1.20", "privileged:latest", 1),
            ("baseline", "baseline:latest", 1),
            ("baseline privileged baseline", "baseline:latest", 1),
            ("baseline restricted", "restricted:latest", 2),
            ("restricted:v1.0 baseline", "restricted:v1.0, baseline:latest", 2),
            ("baseline:v1.0 restricted baseline", "restricted:latest, baseline:v1.0", 3),
            (
                "baseline:v1.5 baseline:v1.9 baseline",
                "baseline:latest, baseline:v1.9, baseline:v1.5",
                3,
            ),
        ] {
            let levels = levels(words);
            assert_eq!((levels.to_string().as_str(), levels.all().len()), (shown, all), "{words}");
        }
    }

    #[test]
    fn the_order_in_which_they_come_makes_no_difference() {
        let one = levels("restricted:v1.0 baseline baseline:v1.20");
        assert_eq!(one, levels("baseline:v1.20 restricted:v1.0 baseline"));
        assert_eq!(one, levels("baseline:v1.20").union(levels("baseline restricted:v1.0")));
        assert_ne!(one, levels("restricted:v1.0 baseline"));
    }

    #[test]
    fn only_a_level_of_the_same_version_includes_another() {
        let levels = levels("restricted:v1.0 baseline");
        assert!(levels.include(pair("baseline:v1.0")) && levels.include(pair("baseline")));
        assert!(levels.include(pair("privileged:v1.9")));
        assert!(!levels.include(pair("restricted")) && !levels.include(pair("baseline:v1.1")));
    }

    #[test]
    fn versions_are_resolved_and_replaced_in_all() {
        let levels = levels("restricted:v1.0 baseline");
        assert_eq!(levels.resolve(Minor(30)).to_string(), "restricted:v1.0, baseline:v1.30");
        assert_eq!(levels.at(Version::Latest).to_string(), "restricted:latest");
        let open = Levels::from(pair("privileged:v1.20"));
        assert_eq!(open.resolve(Minor(30)).to_string(), "privileged:v1.20");
        assert_eq!(open.shown().to_string(), "privileged:v1.20");
    }
}
