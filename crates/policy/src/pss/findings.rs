//! The findings of a check: kept up to a cap, and counted beyond it.
//!
//! One list of a pod can hold thousands of wrong elements. No response has room for them, and a text for each costs far
//! more than the list itself. So a check passes on one finding at a time, and only the first ones are kept.

use std::{collections::HashSet, sync::Arc};

use crate::shown;

use super::violation::{Finding, Place};

/// How many findings of one requirement are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingLimits {
    /// Per part of the pod, so that one container does not hide the others.
    pub at_place: usize,
    /// For all parts together.
    pub in_all: usize,
    /// The bytes of their texts, after which no further finding is kept. One text may name many values.
    pub text: usize,
}

impl FindingLimits {
    /// For the response to a review: as many as its causes have room for, for twice as many parts.
    pub const ANSWER: Self = Self { at_place: 64, in_all: 128, text: 32 << 10 };
    /// For a report that lists what to change in a file: more than any real manifest has.
    pub const REPORT: Self = Self { at_place: 1024, in_all: 4096, text: 1 << 20 };
    /// For an object in the cluster with room for a few lines per requirement.
    pub const SUMMARY: Self = Self { at_place: 16, in_all: 32, text: 8 << 10 };
    /// For callers that only ask whether there are any findings.
    pub const NONE: Self = Self { at_place: 0, in_all: 0, text: 0 };

    /// The limits for each of several pods that share these.
    #[must_use]
    pub fn shared_by(self, pods: usize) -> Self {
        let pods = pods.max(1);
        Self { in_all: self.in_all / pods, text: self.text / pods, ..self }
    }
}

/// The findings of one requirement in a pod.
#[derive(Clone, Debug)]
pub struct Findings {
    caps: FindingLimits,
    /// Parts of the pod that are exempt from the requirement.
    freed: Option<Arc<HashSet<Place>>>,
    kept: Vec<Finding>,
    /// The bytes of their texts.
    text: usize,
    total: usize,
    /// The part of the last finding, and how many consecutive findings were about it.
    run: (Option<Place>, usize),
}

impl Findings {
    /// Creates an empty collection.
    pub fn new(caps: FindingLimits) -> Self {
        Self { caps, freed: None, kept: Vec::new(), text: 0, total: 0, run: (None, 0) }
    }

    /// Creates an empty collection that ignores findings about these parts.
    pub fn without(caps: FindingLimits, freed: Arc<HashSet<Place>>) -> Self {
        Self { freed: Some(freed), ..Self::new(caps) }
    }

    /// Counts a finding, and keeps it if there is room.
    pub fn add(&mut self, finding: Finding) {
        self.add_with(finding.place, || finding);
    }

    /// Counts a finding, and creates it only if there is room. For lists that may be long.
    pub fn add_with(&mut self, place: Place, make: impl FnOnce() -> Finding) {
        if self.freed.as_ref().is_some_and(|freed| freed.contains(&place)) {
            return;
        }
        self.total += 1;
        let in_a_row = if self.run.0 == Some(place) { self.run.1 + 1 } else { 1 };
        self.run = (Some(place), in_a_row);
        let FindingLimits { at_place, in_all, text } = self.caps;
        if self.kept.len() < in_all && in_a_row <= at_place && self.text < text {
            let finding = make();
            self.text += finding.path.len() + finding.fix.len();
            self.kept.push(finding);
        }
    }

    /// Counts a finding about these names, if there are any, and creates it from the quoted names if there is room.
    pub fn add_names<'n>(
        &mut self,
        place: Place,
        names: impl Iterator<Item = &'n str> + Clone,
        make: impl FnOnce(String) -> Finding,
    ) {
        if names.clone().next().is_some() {
            self.add_with(place, || make(shown::names(names)));
        }
    }

    /// Adds the findings of the same requirement with other settings, without duplicates. Findings that were only
    /// counted may be the same on both sides, so the total is a lower bound.
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

    /// The findings that were kept.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.kept.iter()
    }

    /// The number of findings, kept or not.
    pub fn len(&self) -> usize {
        self.total
    }

    /// Whether there are no findings.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The number of findings that were counted but not kept.
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

/// Lets tests compare the kept findings with an array.
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
        let mut findings = Findings::new(FindingLimits { at_place: 2, in_all: 5, text: 1000 });
        for index in 0..4 {
            findings.extend((0..10).map(|_| at(index, "set it")));
        }
        let places: Vec<_> = findings.iter().map(|finding| finding.place).collect();
        assert_eq!(places, [0, 0, 1, 1, 2].map(|index| at(index, "").place));
        assert_eq!((findings.len(), findings.more()), (40, 35));
    }

    #[test]
    fn long_texts_are_kept_as_far_as_they_have_room() {
        let mut findings = Findings::new(FindingLimits { at_place: 9, in_all: 9, text: 30 });
        findings.extend((0..9).map(|index| at(index, "set another value")));
        assert_eq!((findings.iter().count(), findings.len(), findings.more()), (2, 9, 7));
    }

    #[test]
    fn with_no_room_it_only_counts() {
        let mut findings = Findings::new(FindingLimits::NONE);
        assert!(findings.is_empty());
        findings.add(at(0, "set it"));
        assert_eq!((findings.is_empty(), findings.more()), (false, 1));
    }

    #[test]
    fn what_is_freed_does_not_count() {
        let freed = Arc::new(HashSet::from([at(1, "").place]));
        let mut findings = Findings::without(FindingLimits::ANSWER, freed);
        findings.extend([at(0, "a"), at(1, "b"), at(2, "c")]);
        assert_eq!(findings, [at(0, "a"), at(2, "c")]);
    }

    #[test]
    fn the_same_with_other_settings_is_found_once() {
        let mut findings = Findings::new(FindingLimits::ANSWER);
        findings.extend([at(0, "a"), at(1, "b")]);
        let mut others = Findings::new(FindingLimits::ANSWER);
        others.extend([at(1, "b"), at(1, "c")]);
        findings.merge(others);
        assert_eq!(findings, [at(0, "a"), at(1, "b"), at(1, "c")]);
    }

    #[test]
    fn the_same_beyond_the_caps_is_counted_once() {
        let of = |range: std::ops::Range<usize>| {
            let mut findings = Findings::new(FindingLimits { at_place: 2, in_all: 5, text: 1000 });
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
