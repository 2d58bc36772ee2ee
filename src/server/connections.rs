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
use super::meter::{Meter, Moment, Phase};
use super::seldom::Seldom;
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
    meter: Arc<Meter>,
    /// What it did when last looked at, and since when. The time is that of the first look, thus
    /// never too early.
    moment: Moment,
    since: Instant,
    /// Whether it was ordered to end that.
    ordered: bool,
    /// Tells apart those that were first looked at together.
    number: u64,
}

impl Entry {
    fn look(&mut self, now: Instant) {
        let moment = self.meter.moment();
        if moment != self.moment {
            self.moment = moment;
            self.since = now;
            self.ordered = false;
        }
    }

    fn stop(&mut self) {
        self.ordered = true;
        self.meter.stop(self.moment);
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
        let meter = Arc::new(Meter::new());
        let task = self.tasks.spawn(connection::serve(
            stream,
            peer,
            self.transport.clone(),
            Arc::clone(&meter),
            Arc::clone(&self.shared),
        ));
        self.admitted += 1;
        let entry = Entry {
            moment: meter.moment(),
            meter,
            since: Instant::now(),
            ordered: false,
            number: self.admitted,
        };
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
            let shaking = |entry: &&Entry| entry.meter.moment().phase() == Phase::Handshake;
            if self.entries.values().filter(shaking).count() >= self.limits.handshakes {
                self.evict_first(|moment, age| {
                    moment.phase() == Phase::Handshake && age >= STALLED_HANDSHAKE
                });
                return false;
            }
        }
        true
    }

    /// Orders one connection to end: the one that has been longest in the middle of sending, else the one idle
    /// longest, of those that never asked anything if there are such. Who dawdles has to go before an API server that
    /// keeps a connection for its next request. One whose request is being answered is never cut off: then the
    /// newcomer waits, which costs the API server less than a request lost. So it does where untrusted clients have only just
    /// begun: in a moment they will have asked, or dawdled.
    fn evict(&mut self) {
        let stalls = |moment: Moment, age| {
            matches!(moment.phase(), Phase::Handshake | Phase::Head | Phase::Body) && age >= STALLED
        };
        let is_idle = |moment: Moment| moment.phase() == Phase::Idle;
        if self.evict_first(stalls)
            || self.evict_first(|moment, _| is_idle(moment) && !moment.has_asked())
        {
            return;
        }
        let has_begun = |entry: &Entry| {
            let moment = entry.meter.moment();
            matches!(moment.phase(), Phase::Handshake | Phase::Head | Phase::Body)
                && !moment.has_asked()
        };
        if !self.entries.values().any(has_begun) {
            self.evict_first(|moment, _| is_idle(moment));
        }
    }

    /// Orders the first of those to end that may. Says whether one is on its way out.
    fn evict_first(&mut self, may: impl Fn(Moment, Duration) -> bool) -> bool {
        let now = Instant::now();
        for entry in self.entries.values_mut() {
            entry.look(now);
        }
        if self.entries.values().any(|entry| entry.ordered) {
            return true;
        }
        let first = self
            .entries
            .values_mut()
            .filter(|entry| may(entry.moment, now - entry.since))
            .min_by_key(|entry| (entry.since, entry.number));
        let Some(entry) = first else { return false };
        entry.stop();
        add_one(&self.shared.stats.evicted);
        true
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
            let phase = entry.moment.phase();
            let Some(allowed) = allowed(&self.limits, phase, draining) else {
                continue;
            };
            if !entry.ordered && now - entry.since >= allowed {
                entry.stop();
                if phase != Phase::Idle {
                    add_one(&self.shared.stats.timed_out);
                }
            }
        }
    }

    /// For when the system does not let us accept a connection.
    pub(super) fn without_descriptors(&mut self, error: &io::Error) {
        static WARNED: Seldom = Seldom::new();
        if let Some(unsaid) = WARNED.now() {
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
        Phase::Answering | Phase::Flushing => limits.answer,
    })
}
