//! When the next audit begins. Pure.

use std::time::{Duration, SystemTime};

use crate::pss::Minor;

/// The shortest time between two audits: labels change many at a time.
const LEAST: Duration = Duration::from_secs(60);
/// An audit takes at most one part in so many of the time.
const PARTS: u32 = 10;

/// What reports follow from, beside the workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// When the configuration came into force.
    pub(super) configured: SystemTime,
    /// How often the policy labels of a namespace have changed.
    pub(super) labelled: u64,
    /// What `latest` means.
    pub(super) newest: Minor,
}

/// How long nothing is done after an audit that took so long, whatever changes.
pub(super) fn gap(interval: Duration, took: Duration) -> Duration {
    took.saturating_mul(PARTS).max(LEAST).min(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_audit_is_followed_by_a_long_pause_but_never_beyond_the_interval() {
        let gap = |interval, took| {
            gap(Duration::from_secs(interval), Duration::from_secs(took)).as_secs()
        };
        assert_eq!((gap(3600, 0), gap(3600, 5), gap(3600, 6)), (60, 60, 60));
        assert_eq!((gap(3600, 30), gap(3600, 1000), gap(5, 1)), (300, 3600, 5));
    }
}
