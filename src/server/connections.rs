//! The connections of a listener: their tasks, how long each has been in its phase, and which to close when a deadline
//! passes or the limit is reached.
//!
//! Once per tick, compares the phase of each connection with the previous tick, and orders those to stop that have not
//! changed for too long. Nothing here runs per request.

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

/// An accepted connection that is not served yet.
pub(super) type Accepted = (TcpStream, SocketAddr);

/// A connection in the middle of sending can be evicted after this time.
const STALLED: Duration = Duration::from_secs(1);

/// A handshake can be evicted after this time.
const STALLED_HANDSHAKE: Duration = Duration::from_millis(250);

/// The connections of a listener.
pub(super) struct Connections {
    shared: Arc<Shared>,
    transport: Transport,
    limits: Limits,
    tasks: JoinSet<()>,
    entries: HashMap<Id, Entry>,
    admitted: u64,
}

/// The result of a connection's task.
pub(super) type Ended = Result<(Id, ()), JoinError>;

/// The state of one connection.
struct Entry {
    progress: Arc<Progress>,
    /// The phase at the last tick, and since when. The time is that of the first tick with it, so deadlines are never
    /// early.
    seen: Snapshot,
    since: Instant,
    /// Whether it was ordered to stop in this phase.
    is_ordered: bool,
    /// Orders connections that were first seen in the same tick.
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

    /// Starts serving a connection. At the limit, evicts another one and returns the new one, for the caller to retry
    /// after a pause. Meanwhile further connections wait in the kernel's queue.
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
        // With fewer connections than this, there cannot be too many handshakes.
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

    /// Orders one connection to stop: the one that has been sending for the longest time, else the one that has been
    /// idle for the longest time, preferably one without any request so far. A slow sender goes before an API server
    /// that keeps a connection for its next request. A connection whose request is being handled is never cut off: then
    /// the new connection waits, which costs the API server less than a lost request. The new connection also waits if
    /// the others have only just begun: in a moment they are idle or stalled.
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

    /// Orders the connection of the lowest rank to stop, and among equal ranks the oldest, unless one is stopping
    /// already.
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

    /// From now on each response closes its connection.
    pub(super) fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }

    /// Waits until a connection has ended. Returns `None` at once if there is none.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        self.tasks.join_next_with_id().await
    }

    /// Ends all connections immediately.
    pub(super) async fn abort(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Orders the connections past their deadline to stop.
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

    /// Handles a failure to accept for lack of file descriptors.
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

/// The time limit of a phase; `None` if the server itself causes the delay.
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
