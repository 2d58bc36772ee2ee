//! What a check finds: kept up to a cap, and counted beyond it.
//!
//! One list of a pod can hold thousands of wrong elements. No answer has room for them, and a text for each costs many
//! times what the list costs: so a check hands over one finding after the other, and only the first of them stay.

use std::{collections::HashSet, sync::Arc};

use super::violation::{Finding, Place};

/// How many findings of one requirement are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Of one part of the pod, so that one container does not hide the others.
    pub at_place: usize,
    /// Of all parts together.
    pub in_all: usize,
}

impl Caps {
    /// For the answer to a review: as many as its causes have room for, of twice as many parts.
    pub const ANSWER: Self = Self { at_place: 64, in_all: 128 };
    /// For a report that lists what to change in a file: more than any manifest that runs has.
    pub const REPORT: Self = Self { at_place: 1024, in_all: 4096 };
    /// For an object in the cluster that has room for a few lines a requirement.
    pub const SUMMARY: Self = Self { at_place: 16, in_all: 32 };
    /// For whoever only asks whether there is any.
    pub const NONE: Self = Self { at_place: 0, in_all: 0 };
}

/// What a pod breaks of one requirement.
#[derive(Clone, Debug)]
pub struct Findings {
    caps: Caps,
    /// Parts of the pod that need not meet the requirement.
    freed: Option<Arc<HashSet<Place>>>,
    kept: Vec<Finding>,
    total: usize,
    /// The part that the last finding was about, and how many in a row were about it.
    run: (Option<Place>, usize),
}

impl Findings {
    /// None yet.
    pub fn new(caps: Caps) -> Self {
        Self { caps, freed: None, kept: Vec::new(), total: 0, run: (None, 0) }
    }

    /// None yet, and none of these parts counts.
    pub fn without(caps: Caps, freed: Arc<HashSet<Place>>) -> Self {
        Self { freed: Some(freed), ..Self::new(caps) }
    }

    /// Counts a finding, and keeps it if there is room.
    pub fn add(&mut self, finding: Finding) {
        self.add_with(finding.place, || finding);
    }

    /// The same of one that is made only if there is room: of lists that may be long.
    pub fn add_with(&mut self, place: Place, make: impl FnOnce() -> Finding) {
        if self.freed.as_ref().is_some_and(|freed| freed.contains(&place)) {
            return;
        }
        self.total += 1;
        let in_a_row = if self.run.0 == Some(place) { self.run.1 + 1 } else { 1 };
        self.run = (Some(place), in_a_row);
        if self.kept.len() < self.caps.in_all && in_a_row <= self.caps.at_place {
            self.kept.push(make());
        }
    }

    /// Adds what was found by the same requirement with other settings, but for what is kept already. Those that are
    /// not kept may be the same on both sides: so many are counted as there are at least.
    pub fn merge(&mut self, other: Self) {
        let known: HashSet<_> = self.kept.iter().cloned().collect();
        let (total, is_whole) = (self.total, self.more() == 0);
        let others = other.total;
        other.kept.into_iter().filter(|finding| !known.contains(finding)).for_each(|finding| {
            self.add(finding);
        });
        if !is_whole {
            self.total = total.max(self.kept.len());
        }
        self.total = self.total.max(others);
    }

    /// Those that are kept.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.kept.iter()
    }

    /// How many there are, kept or not.
    pub fn len(&self) -> usize {
        self.total
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many were found and not kept.
    pub fn more(&self) -> usize {
        self.total - self.kept.len()
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }
}

impl<'f> IntoIterator for &'f Findings {
    type Item = &'f Finding;
    type IntoIter = std::slice::Iter<'f, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What is kept, compared by tests with what they expect.
impl<const N: usize> PartialEq<[Finding; N]> for Findings {
    fn eq(&self, expected: &[Finding; N]) -> bool {
        self.kept == expected && self.more() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pss::ContainerKind;

    fn at(index: usize, fix: &'static str) -> Finding {
        Finding::new(Place::Container { kind: ContainerKind::Main, index }, "field", fix)
    }

    #[test]
    fn one_place_does_not_hide_the_next_and_all_are_counted() {
        let mut findings = Findings::new(Caps { at_place: 2, in_all: 5 });
        for index in 0..4 {
            findings.extend((0..10).map(|_| at(index, "set it")));
        }
        let places: Vec<_> = findings.iter().map(|finding| finding.place).collect();
        assert_eq!(places, [0, 0, 1, 1, 2].map(|index| at(index, "").place));
        assert_eq!((findings.len(), findings.more()), (40, 35));
    }

    #[test]
    fn with_no_room_it_only_counts() {
        let mut findings = Findings::new(Caps::NONE);
        assert!(findings.is_empty());
        findings.add(at(0, "set it"));
        assert_eq!((findings.is_empty(), findings.more()), (false, 1));
    }

    #[test]
    fn what_is_freed_does_not_count() {
        let freed = Arc::new(HashSet::from([at(1, "").place]));
        let mut findings = Findings::without(Caps::ANSWER, freed);
        findings.extend([at(0, "a"), at(1, "b"), at(2, "c")]);
        assert_eq!(findings, [at(0, "a"), at(2, "c")]);
    }

    #[test]
    fn the_same_with_other_settings_is_found_once() {
        let mut findings = Findings::new(Caps::ANSWER);
        findings.extend([at(0, "a"), at(1, "b")]);
        let mut others = Findings::new(Caps::ANSWER);
        others.extend([at(1, "b"), at(1, "c")]);
        findings.merge(others);
        assert_eq!(findings, [at(0, "a"), at(1, "b"), at(1, "c")]);
    }

    #[test]
    fn the_same_beyond_the_caps_is_counted_once() {
        let of = |range: std::ops::Range<usize>| {
            let mut findings = Findings::new(Caps { at_place: 2, in_all: 5 });
            findings.extend(range.map(|index| at(index, "set it")));
            findings
        };
        for (one, other, total) in [
            (0..40, 0..40, 40),
            (0..40, 0..3, 40),
            (0..3, 0..40, 40),
            (0..3, 2..5, 5),
            (0..40, 35..90, 55),
        ] {
            let mut findings = of(one.clone());
            findings.merge(of(other.clone()));
            assert_eq!(findings.len(), total, "{one:?} {other:?}");
        }
    }
}
