//! For log lines that untrusted clients could cause without end: one in ten seconds, with a count of the rest.

use std::sync::Mutex;
use std::time::{Duration, Instant};

const APART: Duration = Duration::from_secs(10);

pub(super) struct Seldom(Mutex<State>);

struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(State { last: None, unsaid: 0 }))
    }

    /// How many lines were left out since the last one, if it is time for one.
    pub(super) fn now(&self) -> Option<u64> {
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
        let seldom = Seldom::new();
        let start = Instant::now();
        assert_eq!(seldom.at(start), Some(0));
        assert_eq!(seldom.at(start), None);
        assert_eq!(seldom.at(start + APART / 2), None);
        assert_eq!(seldom.at(start + APART), Some(2));
        assert_eq!(seldom.at(start + APART), None);
    }
}
