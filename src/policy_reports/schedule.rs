//! The schedule of audits. Pure.

use std::time::{Duration, SystemTime};

use policy::pss::Minor;

/// The minimum time between two audits: labels often change in bursts.
const LEAST: Duration = Duration::from_secs(60);
/// An audit uses at most this fraction (1/n) of the time.
const PARTS: u32 = 10;

/// The inputs of reports other than the workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    /// When the configuration was loaded.
    pub(super) configured: SystemTime,
    pub(super) labelled: u64,
    /// The version that `latest` stands for.
    pub(super) newest: Minor,
}

/// The minimum pause after an audit that took `took`, even if something changes.
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
