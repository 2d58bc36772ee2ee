//! A token bucket.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Lets so many through per second, and after a quiet time so many at once.
pub(super) struct Bucket {
    per_second: f64,
    at_once: f64,
    level: Mutex<Level>,
}

struct Level {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(per_second: f64, at_once: f64, now: Instant) -> Self {
        Self { per_second, at_once, level: Mutex::new(Level { tokens: at_once, at: now }) }
    }

    /// Whether one more may pass.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        let filled = (level.tokens + passed * self.per_second).min(self.at_once);
        let is_enough = filled >= 1.0;
        *level =
            Level { tokens: if is_enough { filled - 1.0 } else { filled }, at: now.max(level.at) };
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lets_a_burst_and_then_a_rate_through() {
        let start = Instant::now();
        let bucket = Bucket::new(50.0, 100.0, start);
        let passed = |at: Instant| (0..1000).filter(|_| bucket.take(at)).count();
        assert_eq!(passed(start), 100);
        assert_eq!(passed(start + Duration::from_secs(1)), 50);
        assert_eq!(passed(start + Duration::from_secs(1)), 0);
        assert_eq!(passed(start + Duration::from_secs(60)), 100);
        // A clock that is read out of order gives nothing away.
        assert_eq!(passed(start), 0);
        assert_eq!(passed(start + Duration::from_secs(60)), 0);
    }
}
