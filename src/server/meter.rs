//! What one connection is doing, in one atomic word, and the order to stop doing it.
//!
//! The connection's own task is the only writer of the word; the accept loop only compares it with
//! what it saw before. So no request reads a clock, arms a timer or takes a lock, and a deadline can
//! come late by one tick but never early, even after the process was stopped for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

/// What a connection is doing. Each has its own deadline in [`Limits`](super::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// TLS is being agreed.
    Handshake,
    /// Nothing of a next request has come.
    Idle,
    /// The first byte of a request has come, its header is not complete.
    Head,
    /// The header is complete, the body is not.
    Body,
    /// The request is complete and being answered: the only phase without a deadline, since it
    /// depends on us and not on the peer.
    Handling,
    /// The header of the answer is ready, its body is being produced.
    Answering,
    /// The whole answer is ready, and not yet handed to the kernel.
    Flushing,
}

/// One phase of one connection: the same phase entered again is another `Moment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64);

const PHASE_BITS: u32 = 3;
const PHASE_MASK: u64 = (1 << PHASE_BITS) - 1;

impl Moment {
    const START: Self = Self(Phase::Handshake as u64);

    fn next(self, phase: Phase) -> Self {
        let count = (self.0 >> PHASE_BITS) + 1;
        Self((count << PHASE_BITS) | phase as u64)
    }

    /// Whether a request has come on this connection, whole.
    pub(super) fn has_asked(self) -> bool {
        // Handshake, idle, head, body: the moments before the first one is whole.
        self.0 >> PHASE_BITS > 3
    }

    pub(super) fn phase(self) -> Phase {
        match self.0 & PHASE_MASK {
            0 => Phase::Handshake,
            1 => Phase::Idle,
            2 => Phase::Head,
            3 => Phase::Body,
            4 => Phase::Handling,
            5 => Phase::Answering,
            _ => Phase::Flushing,
        }
    }
}

/// Shared by a connection's task and the accept loop.
#[derive(Debug)]
pub(super) struct Meter {
    now: AtomicU64,
    stop: AtomicU64,
    waker: AtomicWaker,
}

/// No moment has this value: the phase bits hold seven phases.
const NEVER: u64 = u64::MAX;

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            now: AtomicU64::new(Moment::START.0),
            stop: AtomicU64::new(NEVER),
            waker: AtomicWaker::new(),
        }
    }

    /// What the connection is doing now.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.now.load(Ordering::Acquire))
    }

    /// Called by the connection's own task only.
    pub(super) fn enter(&self, phase: Phase) {
        self.now.store(self.moment().next(phase).0, Ordering::Release);
    }

    /// Goes from one phase to the next, if it is in that one. Called by the connection's own task only.
    pub(super) fn advance(&self, from: Phase, to: Phase) {
        if self.moment().phase() == from {
            self.enter(to);
        }
    }

    /// Orders the connection to stop, if it is still in this moment when it comes to hear of it: a
    /// request that arrives first is served.
    pub(super) fn stop(&self, moment: Moment) {
        self.stop.store(moment.0, Ordering::Release);
        self.waker.wake();
    }

    /// The phase that the connection was ordered to stop in, if it is still in it.
    pub(super) fn stopped(&self) -> Option<Phase> {
        let stop = Moment(self.stop.load(Ordering::Acquire));
        (stop == self.moment()).then(|| stop.phase())
    }

    /// Whom [`stop`](Self::stop) wakes.
    pub(super) fn wake_by(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_knows_its_phase_and_differs_from_the_same_phase_later() {
        let mut moment = Moment::START;
        for phase in [
            Phase::Handshake,
            Phase::Idle,
            Phase::Head,
            Phase::Body,
            Phase::Handling,
            Phase::Answering,
            Phase::Flushing,
        ] {
            let later = moment.next(phase);
            assert_eq!(later.phase(), phase);
            assert_ne!(later, moment);
            assert_ne!(later, later.next(phase));
            moment = later;
        }
    }

    #[test]
    fn who_has_asked_is_told_from_who_has_begun() {
        let mut moment = Moment::START;
        for phase in [Phase::Idle, Phase::Head, Phase::Body] {
            moment = moment.next(phase);
            assert!(!moment.has_asked(), "{phase:?}");
        }
        for phase in [Phase::Handling, Phase::Answering, Phase::Flushing, Phase::Idle, Phase::Head]
        {
            moment = moment.next(phase);
            assert!(moment.has_asked(), "{phase:?}");
        }
    }

    #[test]
    fn an_order_to_stop_holds_for_its_moment_only() {
        let meter = Meter::new();
        assert_eq!(meter.stopped(), None);
        meter.enter(Phase::Idle);
        let idle = meter.moment();
        meter.enter(Phase::Head);
        meter.stop(idle);
        assert_eq!(meter.stopped(), None, "the request came first");
        meter.enter(Phase::Idle);
        assert_eq!(meter.stopped(), None, "idle again is another moment");
        meter.stop(meter.moment());
        assert_eq!(meter.stopped(), Some(Phase::Idle));
    }

    #[test]
    fn advance_leaves_other_phases_alone() {
        let meter = Meter::new();
        meter.enter(Phase::Handling);
        meter.advance(Phase::Body, Phase::Idle);
        assert_eq!(meter.moment().phase(), Phase::Handling);
    }
}
