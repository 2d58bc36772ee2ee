//! All connections of a listener: their tasks, how long each has been doing what it does, and who has
//! to go when time or room runs out.
//!
//! Once a tick it compares what each connection is doing with what it did before; what has not
//! changed for too long is ordered to stop. Nothing here runs once a request.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{error, warn};

use super::connection;
use super::limits::Limits;
use super::listen::{Serving, Transport};
use super::progress::{Phase, Progress, Snapshot};
use super::rate_limited_log::RateLimitedLog;
use super::service::Shared;
use super::stats::add_one;

/// A connection that waits for room.
pub(super) type Accepted = (TcpStream, SocketAddr);

/// After this long in the middle of sending, a connection may have to make room for another.
const STALLED: Duration = Duration::from_secs(1);

/// After this long, a handshake may have to make room for another.
const STALLED_HANDSHAKE: Duration = Duration::from_millis(250);

/// All connections of a listener.
pub(super) struct Connections {
    shared: Arc<Shared>,
    transport: Transport,
    limits: Limits,
    tasks: JoinSet<()>,
    entries: HashMap<Id, Entry>,
    admitted: u64,
}

/// How a connection's task ended.
pub(super) type Ended = Result<(Id, ()), JoinError>;

/// What is known of one connection.
struct Entry {
    progress: Arc<Progress>,
    /// What it did at the last look, and since when. The time is that of the first look, thus never too early.
    seen: Snapshot,
    since: Instant,
    /// Whether it was ordered to end that.
    is_ordered: bool,
    /// Tells apart those that were first looked at together.
    number: u64,
}

impl Entry {
    fn look(&mut self, now: Instant) {
        let seen = self.progress.snapshot();
        if seen != self.seen {
            (self.seen, self.since, self.is_ordered) = (seen, now, false);
        }
    }

    fn stop(&mut self) {
        self.is_ordered = true;
        self.progress.stop(self.seen);
    }

    fn is_sending(&self) -> bool {
        matches!(self.seen.phase(), Phase::Handshake | Phase::Head | Phase::Body)
    }
}

impl Connections {
    pub(super) fn new(serving: &Serving) -> Self {
        Self {
            shared: Arc::new(Shared {
                app: serving.app.clone(),
                stats: Arc::clone(&serving.stats),
                draining: AtomicBool::new(false),
            }),
            transport: serving.transport.clone(),
            limits: serving.limits.clone(),
            tasks: JoinSet::new(),
            entries: HashMap::new(),
            admitted: 0,
        }
    }

    /// Starts serving a connection. When there is no room it makes some, and gives the connection
    /// back for the caller to try again a little later; meanwhile others wait in the kernel's queue.
    pub(super) fn admit(&mut self, (stream, peer): Accepted) -> Option<Accepted> {
        if !self.has_room() {
            return Some((stream, peer));
        }
        let progress = Arc::new(Progress::new());
        let (seen, since) = (progress.snapshot(), Instant::now());
        let task = self.tasks.spawn(connection::serve(
            stream,
            peer,
            self.transport.clone(),
            Arc::clone(&progress),
            Arc::clone(&self.shared),
        ));
        self.admitted += 1;
        let entry = Entry { progress, seen, since, is_ordered: false, number: self.admitted };
        self.entries.insert(task.id(), entry);
        None
    }

    fn has_room(&mut self) -> bool {
        if self.tasks.len() >= self.limits.connections {
            self.evict();
            return false;
        }
        // Below this many connections there cannot be too many handshakes.
        if self.tasks.len() >= self.limits.handshakes {
            let is_shaking = |entry: &Entry| entry.seen.phase() == Phase::Handshake;
            self.look();
            if self.entries.values().filter(|entry| is_shaking(entry)).count()
                >= self.limits.handshakes
            {
                self.evict_first(|entry, age| {
                    (is_shaking(entry) && age >= STALLED_HANDSHAKE).then_some(0)
                });
                return false;
            }
        }
        true
    }

    /// Orders one connection to end: the one that has been longest in the middle of sending, else the one idle
    /// longest, of those that never asked anything if there are such. A slow sender has to go before an API server
    /// that keeps a connection for its next request. One whose request is being answered is never cut off: then the
    /// new connection waits, which costs the API server less than a request lost. It also waits where other clients
    /// have only just begun: in a moment they will have asked, or stalled.
    fn evict(&mut self) {
        self.look();
        let is_new = |entry: &Entry| entry.is_sending() && !entry.seen.has_asked();
        let has_new = self.entries.values().any(is_new);
        self.evict_first(|entry, age| match entry.seen.phase() {
            Phase::Handshake | Phase::Head | Phase::Body => (age >= STALLED).then_some(0),
            Phase::Idle if !entry.seen.has_asked() => Some(1),
            Phase::Idle => (!has_new).then_some(2),
            Phase::Handling | Phase::Answering => None,
        });
    }

    fn look(&mut self) {
        let now = Instant::now();
        self.entries.values_mut().for_each(|entry| entry.look(now));
    }

    /// Orders the connection of the lowest rank, and of those the oldest, to end, unless one is on its way out.
    fn evict_first(&mut self, rank: impl Fn(&Entry, Duration) -> Option<u8>) {
        if self.entries.values().any(|entry| entry.is_ordered) {
            return;
        }
        let now = Instant::now();
        let ranked = self
            .entries
            .values_mut()
            .filter_map(|entry| Some((rank(entry, now - entry.since)?, entry)));
        let first = ranked.min_by_key(|(rank, entry)| (*rank, entry.since, entry.number));
        if let Some((_, entry)) = first {
            entry.stop();
            add_one(&self.shared.stats.evicted);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// From now on each answer ends its connection.
    pub(super) fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }

    /// Waits until a connection has ended; `None` at once when there is none.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        self.tasks.join_next_with_id().await
    }

    /// Ends all of them at once.
    pub(super) async fn abort(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Orders those to stop whose time is over.
    pub(super) fn check_deadlines(&mut self) {
        let now = Instant::now();
        let draining = self.shared.draining.load(Ordering::Relaxed);
        for entry in self.entries.values_mut() {
            entry.look(now);
            let phase = entry.seen.phase();
            let Some(allowed) = allowed(&self.limits, phase, draining) else {
                continue;
            };
            if !entry.is_ordered && now - entry.since >= allowed {
                entry.stop();
                if phase != Phase::Idle {
                    add_one(&self.shared.stats.timed_out);
                }
            }
        }
    }

    /// For when the system does not let us accept a connection.
    pub(super) fn without_descriptors(&mut self, error: &io::Error) {
        static LOG: RateLimitedLog = RateLimitedLog::new();
        if let Some(unsaid) = LOG.next() {
            warn!(%error, unsaid, "cannot accept connections: trying again");
        }
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) {
            self.evict();
        }
    }

    pub(super) fn forget(&mut self, ended: Ended) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(failure) => {
                error!(%failure, "a connection's task failed");
                failure.id()
            }
        };
        self.entries.remove(&id);
    }
}

/// How long a connection may be in a phase; `None` where only we are to blame.
fn allowed(limits: &Limits, phase: Phase, draining: bool) -> Option<Duration> {
    Some(match phase {
        Phase::Handshake => limits.handshake,
        Phase::Idle if draining => limits.idle_in_drain,
        Phase::Idle => limits.idle,
        Phase::Head => limits.head,
        Phase::Body => limits.body,
        Phase::Handling => return None,
        Phase::Answering => limits.answer,
    })
}
