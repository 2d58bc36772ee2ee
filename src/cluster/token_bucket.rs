//! A token bucket for requests or bytes.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Allows a number of tokens per second, and a burst after a quiet time.
pub(super) struct TokenBucket {
    per_second: f64,
    at_once: f64,
    level: Mutex<Level>,
}

struct Level {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(super) fn new(per_second: f64, at_once: f64, now: Instant) -> Self {
        Self { per_second, at_once, level: Mutex::new(Level { tokens: at_once, at: now }) }
    }

    pub(super) fn take(&self, tokens: f64, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(&mut level, now);
        let is_enough = level.tokens >= tokens;
        if is_enough {
            level.tokens -= tokens;
        }
        is_enough
    }

    /// Takes this many tokens even if they are not available, for a cost known only afterwards. Nothing passes until
    /// the debt is paid.
    pub(super) fn spend(&self, tokens: f64, now: Instant) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(&mut level, now);
        level.tokens -= tokens;
    }

    fn fill(&self, level: &mut Level, now: Instant) {
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        level.tokens = (level.tokens + passed * self.per_second).min(self.at_once);
        level.at = now.max(level.at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lets_a_burst_and_then_a_rate_through() {
        let start = Instant::now();
        let bucket = TokenBucket::new(50.0, 100.0, start);
        let passed = |at: Instant| (0..1000).filter(|_| bucket.take(1.0, at)).count();
        assert_eq!(passed(start), 100);
        assert_eq!(passed(start + Duration::from_secs(1)), 50);
        assert_eq!(passed(start + Duration::from_secs(1)), 0);
        assert_eq!(passed(start + Duration::from_secs(60)), 100);
        // Out-of-order clock readings add no tokens.
        assert_eq!(passed(start), 0);
        assert_eq!(passed(start + Duration::from_secs(60)), 0);
    }

    #[test]
    fn what_was_spent_beyond_it_is_paid_back_first() {
        let start = Instant::now();
        let bucket = TokenBucket::new(10.0, 100.0, start);
        bucket.spend(150.0, start);
        assert!(!bucket.take(1.0, start + Duration::from_secs(5)));
        assert!(bucket.take(10.0, start + Duration::from_secs(6)));
        assert!(!bucket.take(1.0, start + Duration::from_secs(6)));
    }
}
