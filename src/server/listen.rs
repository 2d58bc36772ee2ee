//! The accept loop: owns the socket, every connection's task and all deadlines.
//!
//! Once a tick it compares what each connection is doing with what it did before; what has not
//! changed for too long is ordered to stop. Nothing here runs once a request.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};

use super::connection;
use super::limits::Limits;
use super::meter::{Meter, Moment, Phase};
use super::seldom::Seldom;
use super::service::Shared;
use super::shutdown::{Shutdown, Stage};
use super::stats::{Stats, add_one};

/// What a listener speaks below HTTP/1.1.
#[derive(Clone)]
pub enum Transport {
    /// Nothing: the admin port.
    Plain,
    /// TLS; see [`tls::server_config`](super::tls::server_config).
    Tls(Arc<ServerConfig>),
}

/// What a listener serves.
pub struct Serving {
    /// What answers the requests.
    pub app: Router,
    /// What it speaks.
    pub transport: Transport,
    /// What it grants strangers.
    pub limits: Limits,
    /// Where it counts.
    pub stats: Arc<Stats>,
}

/// Serves until drained or aborted. Dropping the future ends every connection at once.
///
/// Draining begins when `shutdown` says so. From then on each answer carries `Connection: close`, and
/// new connections are still taken; idle ones are closed only after `idle_in_drain`, since a request
/// may be on its way that the API server would not send again. It returns when no connection is left
/// (after `drain_at_least`), after `drain_at_most`, or when aborted.
pub async fn run(listener: TcpListener, serving: Serving, mut shutdown: Shutdown) {
    let mut connections = Connections::new(&serving);
    let mut ticks = interval(serving.limits.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drain: Option<Instant> = None;
    let mut waiting: Option<Accepted> = None;
    let mut stage = shutdown.stage();

    loop {
        match (stage, drain) {
            (Stage::Serving, _) => {}
            (Stage::Aborted, _) => break,
            (Stage::Draining, None) => {
                info!(connections = connections.tasks.len(), "draining");
                connections.shared.draining.store(true, Ordering::Relaxed);
                drain = Some(Instant::now());
                continue;
            }
            (Stage::Draining, Some(since)) => {
                let (limits, lasted) = (&serving.limits, since.elapsed());
                let empty = connections.tasks.is_empty() && waiting.is_none();
                if lasted >= limits.drain_at_most || empty && lasted >= limits.drain_at_least {
                    break;
                }
            }
        }
        if let Some(accepted) = waiting.take() {
            waiting = connections.admit(accepted);
        }
        tokio::select! {
            biased;
            changed = shutdown.changed() => stage = changed,
            Some(ended) = connections.tasks.join_next_with_id() => connections.forget(ended),
            _ = ticks.tick() => connections.check_deadlines(),
            accepted = accept(&listener), if waiting.is_none() => match accepted {
                Ok(accepted) => waiting = Some(accepted),
                Err(error) => connections.without_descriptors(&error),
            },
        }
    }
    info!(connections = connections.tasks.len(), "stopped serving");
    connections.tasks.shutdown().await;
}

type Accepted = (TcpStream, std::net::SocketAddr);

/// The next connection. An error is returned only after a pause, so that trying again is harmless.
async fn accept(listener: &TcpListener) -> io::Result<Accepted> {
    const PAUSE: Duration = Duration::from_millis(50);
    match listener.accept().await {
        Ok(accepted) => Ok(accepted),
        Err(error) => {
            sleep(PAUSE).await;
            Err(error)
        }
    }
}

/// All connections of a listener.
struct Connections {
    shared: Arc<Shared>,
    transport: Transport,
    limits: Limits,
    tasks: JoinSet<()>,
    entries: HashMap<Id, Entry>,
    admitted: u64,
}

/// What the loop knows of one connection.
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
    fn new(serving: &Serving) -> Self {
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
    /// back for the caller to try again when a task has ended or at the next tick; meanwhile others
    /// wait in the kernel's queue.
    fn admit(&mut self, (stream, peer): Accepted) -> Option<Accepted> {
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
                self.evict_first(|phase, _| phase == Phase::Handshake);
                return false;
            }
        }
        true
    }

    /// Orders one connection to end: the one idle longest, else the one that has been longest in the
    /// middle of sending. One whose request is being answered is never cut off: then the newcomer
    /// waits, which costs the API server less than a request lost.
    fn evict(&mut self) {
        const STALLS: Duration = Duration::from_secs(1);
        let _ = self.evict_first(|phase, _| phase == Phase::Idle)
            || self.evict_first(|phase, age| {
                matches!(phase, Phase::Handshake | Phase::Head | Phase::Body) && age >= STALLS
            });
    }

    fn evict_first(&mut self, may: impl Fn(Phase, Duration) -> bool) -> bool {
        let now = Instant::now();
        let first = self
            .entries
            .values_mut()
            .filter_map(|entry| {
                entry.look(now);
                let may = !entry.ordered && may(entry.moment.phase(), now - entry.since);
                may.then_some(entry)
            })
            .min_by_key(|entry| (entry.since, entry.number));
        let Some(entry) = first else { return false };
        entry.stop();
        add_one(&self.shared.stats.evicted);
        true
    }

    fn check_deadlines(&mut self) {
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

    fn without_descriptors(&mut self, error: &io::Error) {
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

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
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
