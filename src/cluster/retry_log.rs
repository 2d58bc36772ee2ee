//! Logs work that is retried until it succeeds: when it begins to fail, now and then while it fails, and when it
//! recovers. An outage of the API server must not fill the log.

use std::time::{Duration, Instant};

/// Minimum time before the same error is logged again.
const SAME: Duration = Duration::from_secs(300);
/// Minimum time before another error is logged: a starting server fails in several ways.
const OTHER: Duration = Duration::from_secs(30);

/// Retried work, and what was logged about it.
pub(crate) struct RetryLog {
    what: String,
    failing: Option<Failing>,
}

struct Failing {
    logged: Instant,
    error: String,
    tries: u64,
}

impl RetryLog {
    /// Work that has not failed yet. `what` is the message: `cannot watch namespaces: …`.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), failing: None }
    }

    /// Records a failure, and logs it if that is due.
    pub(crate) fn failed(&mut self, error: &str) {
        if let Some(tries) = self.due(error, Instant::now()) {
            tracing::warn!(error, tries, "{}; trying again", self.what);
        }
    }

    /// Records a success, and logs it if a failure was logged.
    pub(crate) fn succeeded(&mut self) {
        if let Some(Failing { tries, .. }) = self.failing.take() {
            tracing::info!(tries, "recovered: {}", self.what);
        }
    }

    /// The number of failures, if a line is due.
    fn due(&mut self, error: &str, now: Instant) -> Option<u64> {
        let Some(failing) = &mut self.failing else {
            self.failing = Some(Failing { logged: now, error: error.to_owned(), tries: 1 });
            return Some(1);
        };
        failing.tries += 1;
        let quiet = if failing.error == error { SAME } else { OTHER };
        if now.duration_since(failing.logged) < quiet {
            return None;
        }
        failing.logged = now;
        error.clone_into(&mut failing.error);
        Some(failing.tries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_logged_once_in_a_while_and_another_one_sooner() {
        let mut retrying = RetryLog::new("cannot");
        let start = Instant::now();
        let mut at = |error: &str, after: Duration| retrying.due(error, start + after);
        assert_eq!(at("refused", Duration::ZERO), Some(1));
        assert_eq!(at("refused", OTHER), None);
        assert_eq!(at("reset", OTHER / 2), None);
        assert_eq!(at("reset", OTHER), Some(4));
        assert_eq!(at("refused", OTHER + SAME / 2), Some(5), "that is another one again");
        let lines =
            (1..1000u32).filter(|i| at("refused", OTHER + SAME / 2 + SAME * *i / 100).is_some());
        assert_eq!(lines.count(), 9);
    }

    #[test]
    fn it_begins_anew_after_a_success() {
        let mut retrying = RetryLog::new("cannot");
        retrying.failed("refused");
        retrying.succeeded();
        assert_eq!(retrying.due("refused", Instant::now()), Some(1));
    }
}
