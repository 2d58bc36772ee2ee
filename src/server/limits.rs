//! The numbers that keep untrusted clients from harming the server, with their defaults and reasons.

use std::time::Duration;

/// What one listener grants its peers. Deadlines may come late by [`tick`](Self::tick), never early.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time. One more evicts one that dawdles, else the one idle longest. An idle one
    /// holds about 30 KB, or 60 KB once it has brought 12 KB reviews; three API servers at their own
    /// limit of 200 mutating requests each need 600.
    pub connections: usize,
    /// TLS handshakes at one time. One more evicts the oldest that stalls, or waits until there is
    /// such a one: an honest handshake takes milliseconds.
    pub handshakes: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its header.
    pub head: Duration,
    /// From the end of the header to the end of the body.
    pub body: Duration,
    /// From the first byte of an answer until the peer has taken it all.
    pub answer: Duration,
    /// Without a request. kube-apiserver keeps a connection for 90 s, and does not send a request
    /// again when the connection closes under it: so this must be above 90 s.
    pub idle: Duration,
    /// Like `idle`, once draining. Also above 90 s: then the API server has closed it itself.
    pub idle_in_drain: Duration,
    /// While draining, new connections are taken for at least this long, even when none is left:
    /// the API server dials until it has seen that the endpoint is gone.
    pub drain_at_least: Duration,
    /// The end of draining, whatever is still open. Below the pod's terminationGracePeriodSeconds.
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
    /// For the admin port: kubelet's probes and a few scrapers.
    #[must_use]
    pub fn admin() -> Self {
        Self { connections: 128, body: Duration::from_secs(10), ..Self::default() }
    }

    /// How often deadlines are looked at: a second, or less when a deadline is shorter than four.
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

/// What request bodies may take, all connections together. Sizes in bytes.
#[derive(Clone, Debug)]
pub struct BodyLimits {
    /// The largest body that is judged. An object in etcd is at most 1.5 MB, but a review carries
    /// two, and `managedFields` grow on the way.
    pub largest: usize,
    /// Of a larger body, the first bytes that are kept, to read the uid from.
    pub head: usize,
    /// Of a body that is not kept, how much is read and thrown away before giving up on the peer.
    pub discard: u64,
    /// For all bodies at one time, `reserve` included.
    pub budget: usize,
    /// The part of the budget that only small bodies may use.
    pub reserve: usize,
    /// Up to this size a body is small.
    pub small: usize,
    /// The largest page of a list of pods that is read for the sake of a namespace's update. Two may be in memory.
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

/// The memory that the process may take, in bytes, and what follows from it. What follows from no limit are the
/// defaults, which suit 256 MiB.
///
/// | of 64 MiB | for |
/// | --- | --- |
/// | 24 (three eighths) | the budget: bodies, and of it at most 14 for two pages of pods |
/// | 20 (a quarter and a fourth of that) | the one large review that is decided at a time: a quarter more than the largest body, which has 16 |
/// | 16 (a quarter) | connections, 64 KiB each |
/// | 4 (the rest) | the program, 3 MiB at rest, and the cache of namespaces |
///
/// The program's own file in memory is not in it: the kernel can drop that. `tests/hostile` holds a review to its share,
/// and `tests/faults/memory.rs` runs the program under such limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(usize);

impl Memory {
    /// With less it would refuse what people really send.
    pub const LEAST: usize = 32 << 20;

    /// None below [`LEAST`](Self::LEAST).
    #[must_use]
    pub fn new(bytes: usize) -> Option<Self> {
        (bytes >= Self::LEAST).then_some(Self(bytes))
    }

    /// What bodies may take.
    #[must_use]
    pub fn bodies(self) -> BodyLimits {
        let most = BodyLimits::default();
        let budget = most.budget.min(self.0 / 8 * 3);
        let reserve = most.reserve.min(budget / 8);
        let page = most.page.min((budget - reserve) / 3);
        BodyLimits { largest: most.largest.min(self.0 / 4), budget, reserve, page, ..most }
    }

    /// How many connections fit, and how many of them may be in their handshake.
    #[must_use]
    pub fn connections(self) -> (usize, usize) {
        const EACH: usize = 64 << 10;
        let most = Limits::default();
        let connections = most.connections.min(self.0 / 4 / EACH);
        (connections, most.handshakes.min(connections / 2))
    }

    /// How many threads may look into small bodies at the same time: each may need some megabytes for it.
    #[must_use]
    pub fn threads(self, processors: usize) -> usize {
        const EACH: usize = 16 << 20;
        processors.min(self.0 / EACH).max(1)
    }
}
