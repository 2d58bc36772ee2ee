//! The phase of a connection in one atomic word, and the order to stop in it.
//!
//! Only the connection's task writes the word; the accept loop compares it with the value at the previous tick. So no
//! request reads a clock, sets a timer or takes a lock, and a deadline may be late by one tick but never early, even
//! after the process was suspended.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use futures::task::AtomicWaker;

/// The phase of a connection. Each has its own deadline in [`Limits`](super::Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The TLS handshake.
    Handshake,
    /// No byte of the next request has arrived.
    Idle,
    /// The first byte of a request has arrived, but not the complete header.
    Head,
    /// The header is complete, but not the body.
    Body,
    /// The request is complete and being handled: the only phase without a deadline, because it depends on the server
    /// and not on the peer.
    Handling,
    /// The response is ready, but not yet handed to the kernel.
    Answering,
}

/// A phase at a point in time: entering the same phase again yields a different `Snapshot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot(u64);

/// The bits below the number of phases entered before.
const PHASE_BITS: u32 = 3;

impl Snapshot {
    const START: Self = Self(Phase::Handshake as u64);

    fn next(self, phase: Phase) -> Self {
        Self((((self.0 >> PHASE_BITS) + 1) << PHASE_BITS) | phase as u64)
    }

    /// Whether a complete request has arrived on this connection.
    pub(super) fn has_asked(self) -> bool {
        // Handshake, idle, head and body come first.
        self.0 >> PHASE_BITS > 3
    }

    pub(super) fn phase(self) -> Phase {
        match self.0 % (1 << PHASE_BITS) {
            0 => Phase::Handshake,
            1 => Phase::Idle,
            2 => Phase::Head,
            3 => Phase::Body,
            4 => Phase::Handling,
            _ => Phase::Answering,
        }
    }
}

/// Shared by a connection's task and the accept loop.
#[derive(Debug)]
pub(super) struct Progress {
    now: AtomicU64,
    stop: AtomicU64,
    waker: AtomicWaker,
}

/// No snapshot has this value.
const NEVER: u64 = u64::MAX;

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            now: AtomicU64::new(Snapshot::START.0),
            stop: AtomicU64::new(NEVER),
            waker: AtomicWaker::new(),
        }
    }

    /// The current phase.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot(self.now.load(Ordering::Acquire))
    }

    /// Enters a phase. For the connection's task only.
    pub(super) fn enter(&self, phase: Phase) {
        self.now.store(self.snapshot().next(phase).0, Ordering::Release);
    }

    /// Enters phase `to` if the current one is `from`. For the connection's task only.
    pub(super) fn advance(&self, from: Phase, to: Phase) {
        if self.snapshot().phase() == from {
            self.enter(to);
        }
    }

    /// Orders the connection to stop if it is still in this phase when it sees the order: a request that arrives first
    /// is served.
    pub(super) fn stop(&self, seen: Snapshot) {
        self.stop.store(seen.0, Ordering::Release);
        self.waker.wake();
    }

    /// The phase in which the connection was ordered to stop, if it is still in it.
    pub(super) fn order(&self) -> Option<Phase> {
        let stop = Snapshot(self.stop.load(Ordering::Acquire));
        (stop == self.snapshot()).then(|| stop.phase())
    }

    /// Waits for an order to stop. Only one task may wait.
    pub(super) async fn stopped(&self) -> Phase {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            self.order().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [Phase; 5] =
        [Phase::Idle, Phase::Head, Phase::Body, Phase::Handling, Phase::Answering];

    #[test]
    fn a_snapshot_knows_its_phase_and_whether_a_request_has_come() {
        let mut seen = Snapshot::START;
        assert_eq!(seen.phase(), Phase::Handshake);
        for (number, phase) in REQUEST.into_iter().cycle().take(12).enumerate() {
            let later = seen.next(phase);
            assert_eq!((later.phase(), later.has_asked()), (phase, number >= 3), "{number}");
            assert_ne!(later, seen);
            assert_ne!(later, later.next(phase), "the same phase later");
            seen = later;
        }
    }

    #[test]
    fn an_order_to_stop_holds_for_what_was_seen_only() {
        let progress = Progress::new();
        assert_eq!(progress.order(), None);
        progress.enter(Phase::Idle);
        let idle = progress.snapshot();
        progress.enter(Phase::Head);
        progress.stop(idle);
        assert_eq!(progress.order(), None, "the request came first");
        progress.enter(Phase::Idle);
        assert_eq!(progress.order(), None, "idle again is not the same");
        progress.stop(progress.snapshot());
        assert_eq!(progress.order(), Some(Phase::Idle));
    }

    #[test]
    fn advance_leaves_other_phases_alone() {
        let progress = Progress::new();
        progress.enter(Phase::Handling);
        progress.advance(Phase::Body, Phase::Idle);
        assert_eq!(progress.snapshot().phase(), Phase::Handling);
    }
}
