//! Limits that protect the server from untrusted clients, with their defaults and reasons.

use std::time::Duration;

/// Limits of one listener. Deadlines may be late by one [`tick`](Self::tick), never early.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum number of connections. A further one evicts a stalled one, else the one that has been idle for the
    /// longest time. An idle connection takes about 30 KB, or 60 KB after 12 KB reviews. Three API servers need 600
    /// each at their own limit of 200 mutating requests.
    pub connections: usize,
    /// Maximum number of concurrent TLS handshakes. A further one evicts the oldest stalled one, or waits for one to
    /// stall: a normal handshake takes milliseconds.
    pub handshakes: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its header.
    pub head: Duration,
    /// From the end of the header to the end of the body.
    pub body: Duration,
    /// From the first byte of a response until the peer has received all of it.
    pub answer: Duration,
    /// Without a request. kube-apiserver keeps connections for 90 s, and does not retry a request if the connection
    /// closes under it, so this must be above 90 s.
    pub idle: Duration,
    /// Like `idle`, while draining. Also above 90 s, so that the API server closes the connection first.
    pub idle_in_drain: Duration,
    /// Minimum time for accepting new connections while draining, even if none is open: the API server connects until
    /// it has seen that the endpoint is gone.
    pub drain_at_least: Duration,
    /// Maximum duration of draining. Must be below the pod's terminationGracePeriodSeconds.
    pub drain_at_most: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            handshakes: 512,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            idle_in_drain: Duration::from_secs(95),
            drain_at_least: Duration::from_secs(10),
            drain_at_most: Duration::from_secs(110),
        }
    }
}

impl Limits {
    /// For the admin port: the kubelet's probes and a few scrapers.
    #[must_use]
    pub fn admin() -> Self {
        Self { connections: 128, body: Duration::from_secs(10), ..Self::default() }
    }

    /// The interval at which deadlines are checked: a second, or less if a deadline is below four seconds.
    #[must_use]
    pub fn tick(&self) -> Duration {
        let shortest =
            [self.handshake, self.head, self.body, self.answer, self.idle, self.idle_in_drain]
                .into_iter()
                .min()
                .unwrap_or_default();
        (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}

/// Limits of request bodies for all connections together, in bytes.
#[derive(Clone, Debug)]
pub struct BodyLimits {
    /// Maximum size of a judged body. An object in etcd has at most 1.5 MB, but a review contains two, and
    /// `managedFields` grow on the way.
    pub largest: usize,
    /// How much of a larger body is kept to read the uid.
    pub head: usize,
    /// How much of a rejected body is read and discarded before giving up on the peer.
    pub discard: u64,
    /// For all bodies together, including `reserve`.
    pub budget: usize,
    /// The part of the budget that is reserved for small bodies.
    pub reserve: usize,
    /// Maximum size of a small body.
    pub small: usize,
    /// Maximum size of a page in a list of pods, for the update of a namespace. Two can be in memory.
    pub page: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            largest: 40 * MIB,
            head: 4096,
            discard: 1 << 30,
            budget: 96 * MIB,
            reserve: 8 * MIB,
            small: 256 << 10,
            page: 12 * MIB,
        }
    }
}

/// The memory limit of the process, in bytes, and the limits derived from it. The defaults without a limit suit 256
/// MiB.
///
/// | of 64 MiB | for |
/// | --- | --- |
/// | 24 (three eighths) | the budget: bodies, and of it at most 14 for two pages of pods |
/// | 20 (a quarter and a fourth of that) | one large review at a time: a quarter more than the largest body (16) |
/// | 16 (a quarter) | connections, 64 KiB each |
/// | 4 (the rest) | the program, 3 MiB at rest, and the cache of namespaces |
///
/// Excludes the program's file in memory, which the kernel can drop. `tests/hostile` checks the share of a review, and
/// `tests/faults/memory.rs` runs the program under such limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(usize);

impl Memory {
    /// Less would reject realistic requests.
    pub const LEAST: usize = 32 << 20;

    /// `None` below [`LEAST`](Self::LEAST).
    #[must_use]
    pub fn new(bytes: usize) -> Option<Self> {
        (bytes >= Self::LEAST).then_some(Self(bytes))
    }

    /// The limits of bodies.
    #[must_use]
    pub fn bodies(self) -> BodyLimits {
        let most = BodyLimits::default();
        let budget = most.budget.min(self.0 / 8 * 3);
        let reserve = most.reserve.min(budget / 8);
        let page = most.page.min((budget - reserve) / 3);
        BodyLimits { largest: most.largest.min(self.0 / 4), budget, reserve, page, ..most }
    }

    /// The maximum number of connections, and of concurrent handshakes.
    #[must_use]
    pub fn connections(self) -> (usize, usize) {
        const EACH: usize = 64 << 10;
        let most = Limits::default();
        let connections = most.connections.min(self.0 / 4 / EACH);
        (connections, most.handshakes.min(connections / 2))
    }

    /// The maximum number of threads that process small bodies: each may need some megabytes.
    #[must_use]
    pub fn threads(self, processors: usize) -> usize {
        const EACH: usize = 16 << 20;
        processors.min(self.0 / EACH).max(1)
    }
}
