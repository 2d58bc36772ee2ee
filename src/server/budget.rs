//! Accounts for the bytes of request bodies in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::BodyLimits;

/// The budget of the process.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) limits: BodyLimits,
    used: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limits: BodyLimits) -> Self {
        Self { limits, used: AtomicUsize::new(0) }
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// The share of one body, released on drop.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Charge {
    pub(super) fn none(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Grows the share to `bytes` in total. Returns false and changes nothing if the budget is too small.
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let limits = &self.budget.limits;
        let most = if bytes <= limits.small {
            limits.budget
        } else {
            limits.budget.saturating_sub(limits.reserve)
        };
        let grow = |used: usize| used.checked_add(more).filter(|&used| used <= most);
        let taken = more == 0
            || self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).is_ok();
        if taken {
            self.bytes += more;
        }
        taken
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(BodyLimits {
            budget: 100,
            reserve: 20,
            small: 10,
            ..BodyLimits::default()
        }))
    }

    #[test]
    fn the_reserve_is_for_small_ones() {
        let budget = budget();
        let mut large = Charge::none(&budget);
        assert!(large.grow_to(70));
        assert!(large.grow_to(80));
        assert!(!large.grow_to(81));
        assert_eq!(budget.used(), 80, "a refusal takes nothing");
        let mut small = Charge::none(&budget);
        assert!(small.grow_to(10));
        assert!(!small.grow_to(11), "no longer small");
        let mut last = Charge::none(&budget);
        assert!(last.grow_to(10));
        assert!(!Charge::none(&budget).grow_to(1), "all used");
    }

    #[test]
    fn all_is_given_back() {
        let budget = budget();
        let mut charge = Charge::none(&budget);
        assert!(charge.grow_to(5) && charge.grow_to(9) && charge.grow_to(3));
        assert_eq!(budget.used(), 9);
        drop(charge);
        assert_eq!(budget.used(), 0);
    }
}
