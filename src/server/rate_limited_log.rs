//! Limits log lines that untrusted clients can cause.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const APART: Duration = Duration::from_secs(10);

/// Allows one line every ten seconds, and counts the others.
pub(super) struct RateLimitedLog(Mutex<State>);

struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl RateLimitedLog {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(State { last: None, unsaid: 0 }))
    }

    /// The number of suppressed lines, if a line is due.
    pub(super) fn next(&self) -> Option<u64> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match state.last {
            Some(last) if now.duration_since(last) < APART => {
                state.unsaid += 1;
                None
            }
            _ => {
                state.last = Some(now);
                Some(std::mem::take(&mut state.unsaid))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_first_then_counts() {
        let log = RateLimitedLog::new();
        let start = Instant::now();
        assert_eq!(log.at(start), Some(0));
        assert_eq!(log.at(start), None);
        assert_eq!(log.at(start + APART / 2), None);
        assert_eq!(log.at(start + APART), Some(2));
        assert_eq!(log.at(start + APART), None);
    }
}
