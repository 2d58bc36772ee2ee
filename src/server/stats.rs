//! The server's counters for metrics, exported elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one listener since its start; relaxed atomics, readable at any time.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests in progress.
    pub in_flight: AtomicU64,
    /// Open connections, including handshakes.
    pub connections: AtomicU64,
    /// TLS handshakes in progress.
    pub handshakes: AtomicU64,
    /// TLS handshakes that failed for any reason.
    pub failed_handshakes: AtomicU64,
    /// Connections ordered to close to make room for others.
    pub evicted: AtomicU64,
    /// Connections ordered to close because the peer was too slow (handshake, header, body or response).
    pub timed_out: AtomicU64,
    /// Handlers that panicked; each request got a 500.
    pub panics: AtomicU64,
}

pub(super) fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Increments a counter for as long as it lives.
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
