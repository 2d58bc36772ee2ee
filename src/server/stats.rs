//! Counts that the server keeps for metrics. It never exports them itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one listener since its start; relaxed atomics, read at any time.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests being handled now.
    pub in_flight: AtomicU64,
    /// Connections open now, handshakes included.
    pub connections: AtomicU64,
    /// TLS handshakes going on now.
    pub handshakes: AtomicU64,
    /// TLS handshakes that failed, for whatever reason.
    pub failed_handshakes: AtomicU64,
    /// Connections told to close to make room for others.
    pub evicted: AtomicU64,
    /// Connections told to close because the peer was too slow (handshake, header, body or answer).
    pub timed_out: AtomicU64,
    /// Handlers that panicked; each was answered with a 500.
    pub panics: AtomicU64,
}

pub(super) fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Adds one to a count for as long as it lives.
pub(super) struct Counted {
    stats: Arc<Stats>,
    which: fn(&Stats) -> &AtomicU64,
}

impl Counted {
    pub(super) fn new(stats: &Arc<Stats>, which: fn(&Stats) -> &AtomicU64) -> Self {
        add_one(which(stats));
        Self { stats: Arc::clone(stats), which }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.which)(&self.stats).fetch_sub(1, Ordering::Relaxed);
    }
}
