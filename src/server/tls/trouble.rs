//! Why what should be newer is not, told once and kept for metrics; and the clockwork of reading files again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

/// Why there is nothing newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// When that was first seen.
    pub since: SystemTime,
    /// One line: what is wrong, and with what.
    pub why: String,
}

/// What is wrong now, if anything is.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<Bad>>);

impl Trouble {
    /// Notes it. Whether it is news, to be told.
    pub(super) fn note(&self, why: &str, now: SystemTime) -> bool {
        let mut bad = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bad.as_ref().is_some_and(|bad| bad.why == why) {
            return false;
        }
        let since = bad.as_ref().map_or(now, |bad| bad.since);
        *bad = Some(Bad { since, why: why.to_owned() });
        true
    }

    /// All is well again.
    pub(super) fn settle(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn get(&self) -> Option<Bad> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Has `reload` read files every so often, for as long as it is polled.
pub(super) async fn again_and_again<T: Send + Sync + 'static>(
    of: Arc<T>,
    every: Duration,
    reload: fn(&T, SystemTime),
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let of = Arc::clone(&of);
        // Files may sit on something slow. A panic in there is logged by its hook; go on.
        let _ = tokio::task::spawn_blocking(move || reload(&of, SystemTime::now())).await;
    }
}
