//! Ranges of allowed numbers: ids of users and groups, ports.

use std::{fmt, ops::RangeInclusive};

use crate::pattern::few;

/// A set of ranges. An empty set contains nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<RangeInclusive<i64>>);

/// The kind of numbers, which determines the valid range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Ids of users and groups other than root: 1 to 2147483647.
    Ids,
    /// Ports: 1 to 65535.
    Ports,
}

/// The text is not a valid range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// Neither a number nor two.
    #[error("must be a number or a range such as \"30000-30010\"")]
    Malformed,
    /// The end is below the start.
    #[error("must begin with the lower number")]
    Backwards,
    /// Outside the valid range.
    #[error("must lie within {lowest}-{highest}", lowest = .0.all().start(), highest = .0.all().end())]
    Outside(Numbers),
    /// Overlaps a range that is listed already.
    #[error("must not overlap another range")]
    Overlapping,
}

impl Numbers {
    /// The valid range.
    pub fn all(self) -> RangeInclusive<i64> {
        match self {
            Self::Ids => 1..=i64::from(i32::MAX),
            Self::Ports => 1..=i64::from(u16::MAX),
        }
    }
}

impl Ranges {
    /// The set of all valid numbers of a kind.
    pub fn all(numbers: Numbers) -> Self {
        Self(vec![numbers.all()])
    }

    /// Adds a range written as `30000-30010` or `9100`.
    ///
    /// # Errors
    /// A malformed range, numbers outside the valid range, or an overlap with an existing range.
    pub fn add(&mut self, text: &str, numbers: Numbers) -> Result<(), InvalidRange> {
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse().ok()).flatten().ok_or(InvalidRange::Malformed)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (i64, i64) = (number(first)?, number(last)?);
        if first > last {
            return Err(InvalidRange::Backwards);
        }
        if !numbers.all().contains(&first) || !numbers.all().contains(&last) {
            return Err(InvalidRange::Outside(numbers));
        }
        if self.0.iter().any(|range| first <= *range.end() && *range.start() <= last) {
            return Err(InvalidRange::Overlapping);
        }
        self.0.push(first..=last);
        // Sorted, so that equal sets compare as equal in any order.
        self.0.sort_unstable_by_key(|range| *range.start());
        Ok(())
    }

    /// Whether one of the ranges contains the number.
    pub fn contains(&self, number: i64) -> bool {
        self.0.iter().any(|range| range.contains(&number))
    }

    /// The number of ranges.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no ranges.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = self.0.iter().map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        });
        f.pad(&few(ranges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str], numbers: Numbers) -> Result<Ranges, InvalidRange> {
        let mut ranges = Ranges::default();
        texts.iter().try_for_each(|text| ranges.add(text, numbers)).map(|()| ranges)
    }

    #[test]
    fn both_ends_are_in() {
        let some = ranges(&["30000-30010", "9100"], Numbers::Ports).unwrap();
        for (number, is_in) in [
            (9099, false),
            (9100, true),
            (9101, false),
            (29999, false),
            (30000, true),
            (30010, true),
            (30011, false),
            (-9100, false),
            (9100 + 65536, false),
        ] {
            assert_eq!(some.contains(number), is_in, "{number}");
        }
        assert_eq!(some.to_string(), "9100, 30000-30010");
        assert_eq!(Ok(some), ranges(&["9100-9100", "30000-30010"], Numbers::Ports));
        assert!(!Ranges::default().contains(0));
        assert_eq!(Ranges::all(Numbers::Ids).to_string(), "1-2147483647");
    }

    #[test]
    fn what_is_none_is_refused() {
        use InvalidRange::{Backwards, Malformed, Outside, Overlapping};
        for (texts, numbers, error) in [
            (vec![""], Numbers::Ids, Malformed),
            (vec!["-1"], Numbers::Ids, Malformed),
            (vec!["1-"], Numbers::Ids, Malformed),
            (vec!["1-2-3"], Numbers::Ids, Malformed),
            (vec!["+1"], Numbers::Ids, Malformed),
            (vec![" 1"], Numbers::Ids, Malformed),
            (vec!["99999999999999999999"], Numbers::Ids, Malformed),
            (vec!["2-1"], Numbers::Ids, Backwards),
            (vec!["0"], Numbers::Ids, Outside(Numbers::Ids)),
            (vec!["0-10"], Numbers::Ids, Outside(Numbers::Ids)),
            (vec!["1-2147483648"], Numbers::Ids, Outside(Numbers::Ids)),
            (vec!["65536"], Numbers::Ports, Outside(Numbers::Ports)),
            (vec!["1-10", "10-20"], Numbers::Ports, Overlapping),
            (vec!["10-20", "1-30"], Numbers::Ports, Overlapping),
            (vec!["5", "5"], Numbers::Ports, Overlapping),
        ] {
            assert_eq!(ranges(&texts, numbers), Err(error), "{texts:?}");
        }
        let outside = Outside(Numbers::Ports).to_string();
        assert_eq!(outside, "must lie within 1-65535");
    }
}
