//! A summary of the watched exceptions at a point in time, for metrics.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime},
};

use policy::exceptions::Exception;

/// Maximum number of exceptions that are named, because each is a separate series.
const MOST_NAMED: usize = 100;

/// Each exception in the configured namespaces, counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Active, without the ending ones.
    pub active: usize,
    /// Active, but expiring within the notice period.
    pub ending: usize,
    /// Expired.
    pub expired: usize,
    /// Invalid, so without effect.
    pub invalid: usize,
    /// Ignored because of the limits.
    pub ignored: usize,
    /// `namespace/name` and expiry time of those that expire within the notice period, the soonest first, then of those
    /// that expired within it, the latest first: 100 at most.
    pub ends: Vec<(String, SystemTime)>,
}

impl Census {
    /// Summarises the valid exceptions, and the numbers of the others. An exception counts as ending for `notice`
    /// before its expiry.
    pub(super) fn of<'e>(
        held: impl Iterator<Item = &'e Exception>,
        notice: Duration,
        now: SystemTime,
    ) -> Self {
        let mut census = Self::default();
        let (mut ending, mut ended) = (Vec::new(), Vec::new());
        for exception in held {
            match (exception.left(now), exception.expires) {
                (Some(left), Some(end)) if left <= notice => {
                    census.ending += 1;
                    ending.push((end, &exception.name));
                }
                (None, Some(end)) => {
                    census.expired += 1;
                    if now.duration_since(end).is_ok_and(|since| since < notice) {
                        ended.push((end, &exception.name));
                    }
                }
                (Some(_), _) | (None, None) => census.active += 1,
            }
        }
        ending.sort_unstable();
        ended.sort_unstable_by_key(|(end, name)| (Reverse(*end), *name));
        let named = ending.into_iter().chain(ended).take(MOST_NAMED);
        census.ends = named.map(|(end, name)| (name.clone(), end)).collect();
        census
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::exceptions::{Match, Relaxation};

    const NOTICE: Duration = Duration::from_secs(700);
    const NOW: u64 = 10_000;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn exception(name: &str, expires: Option<u64>) -> Exception {
        Exception {
            name: name.to_owned(),
            matches: Match::default(),
            allow: Relaxation::default(),
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            expires: expires.map(at),
        }
    }

    #[test]
    fn each_is_counted_once_and_what_ends_is_named_the_soonest_first() {
        let all = [
            exception("p/forever", None),
            exception("p/long", Some(NOW + 701)),
            exception("p/last", Some(NOW + 700)),
            exception("p/soon", Some(NOW + 1)),
            exception("p/now", Some(NOW)),
            exception("p/recent", Some(NOW - 699)),
            exception("p/old", Some(NOW - 700)),
        ];
        let census = Census::of(all.iter(), NOTICE, at(NOW));
        assert_eq!((census.active, census.ending, census.expired), (2, 2, 3));
        let names: Vec<_> = census.ends.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["p/soon", "p/last", "p/now", "p/recent"]);
        assert_eq!(census.ends.first().map(|(_, end)| *end), Some(at(NOW + 1)));
    }

    #[test]
    fn of_many_those_next_to_their_end_are_named() {
        let ended = (0..100).map(|i| exception(&format!("p/ended-{i}"), Some(NOW - i)));
        let ending = (1..=99).map(|i| exception(&format!("p/ending-{i}"), Some(NOW + i)));
        let all: Vec<_> = ended.chain(ending).collect();
        let census = Census::of(all.iter(), NOTICE, at(NOW));
        assert_eq!((census.ending, census.expired, census.ends.len()), (99, 100, MOST_NAMED));
        assert_eq!(census.ends[98].0, "p/ending-99");
        assert_eq!(census.ends[99].0, "p/ended-0");
    }
}
