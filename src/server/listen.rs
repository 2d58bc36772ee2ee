//! The accept loop: owns the socket and decides when the server ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::info;

use super::connections::{Accepted, Connections};
use super::limits::Limits;
use super::shutdown::{Shutdown, Stage};
use super::stats::Stats;

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
    /// What it grants untrusted clients.
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
    let mut waiting: Option<Accepted> = None;
    let mut drain: Option<Instant> = None;
    let mut stage = shutdown.stage();

    loop {
        if stage == Stage::Draining && drain.is_none() {
            info!(connections = connections.len(), "draining");
            connections.drain();
            drain = Some(Instant::now());
        }
        let lasted = drain.map(|since| since.elapsed());
        if stage == Stage::Aborted || lasted >= Some(serving.limits.drain_at_most) {
            break;
        }
        if let Some(accepted) = waiting.take() {
            waiting = connections.admit(accepted);
        }
        let done = connections.len() == 0 && lasted >= Some(serving.limits.drain_at_least);
        tokio::select! {
            biased;
            changed = shutdown.changed() => stage = changed,
            Some(ended) = connections.ended() => connections.forget(ended),
            _ = ticks.tick() => connections.check_deadlines(),
            () = sleep(RETRY), if waiting.is_some() => {}
            accepted = accept(&listener), if waiting.is_none() => match accepted {
                Ok(accepted) => waiting = Some(accepted),
                Err(error) => connections.without_descriptors(&error),
            },
            // Last, so that no connection is left in the kernel's queue.
            () = std::future::ready(()), if done => break,
        }
    }
    info!(connections = connections.len(), "stopped serving");
    connections.abort().await;
}

/// The same on a thread of its own, which `tasks` owns: what it serves is answered however busy the caller's runtime
/// is, as far as the system shares its processors fairly. Only the listener's own shutdown ends it.
///
/// # Errors
/// When the system has no descriptors for another runtime.
pub fn run_apart(
    tasks: &mut JoinSet<()>,
    listener: std::net::TcpListener,
    serving: Serving,
    shutdown: Shutdown,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        TcpListener::from_std(listener)?
    };
    tasks.spawn_blocking(move || runtime.block_on(run(listener, serving, shutdown)));
    Ok(())
}

/// How soon to try again what was not possible: to accept a connection, or to find room for one.
const RETRY: Duration = Duration::from_millis(20);

/// The next connection. An error is returned only after a pause, so that trying again is harmless.
async fn accept(listener: &TcpListener) -> io::Result<Accepted> {
    match listener.accept().await {
        Ok(accepted) => Ok(accepted),
        Err(error) => {
            sleep(RETRY).await;
            Err(error)
        }
    }
}
