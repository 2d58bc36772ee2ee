//! The accept loop: owns the socket and controls shutdown.

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

/// The transport below HTTP/1.1.
#[derive(Clone)]
pub enum Transport {
    /// Plain TCP: the admin port.
    Plain,
    /// TLS; see [`tls::server_config`](super::tls::server_config).
    Tls(Arc<ServerConfig>),
}

/// The configuration of a listener.
pub struct Serving {
    /// Handles the requests.
    pub app: Router,
    /// The transport.
    pub transport: Transport,
    /// The limits for untrusted clients.
    pub limits: Limits,
    /// The counters.
    pub stats: Arc<Stats>,
}

/// Serves until drained or aborted. Dropping the future closes every connection immediately.
///
/// Draining begins when `shutdown` says so. From then on each response has `Connection: close`, and new connections are
/// still accepted. Idle ones are closed only after `idle_in_drain`, because a request may be on its way that the API
/// server would not retry. Returns when no connection is left (after `drain_at_least`), after `drain_at_most`, or when
/// aborted.
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
            // Checked last, so that no connection is left in the kernel's queue.
            () = std::future::ready(()), if done => break,
        }
    }
    info!(connections = connections.len(), "stopped serving");
    connections.abort().await;
}

/// Serves on a separate thread, owned by `tasks`: it responds even if the caller's runtime is busy, as far as the
/// system schedules threads fairly. Only the listener's own shutdown ends it.
///
/// # Errors
/// The system has no descriptors for another runtime.
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

/// How long to wait before another attempt to accept a connection, or to find room for one.
const RETRY: Duration = Duration::from_millis(20);

/// The next connection. Returns an error only after a pause, so that retries are harmless.
async fn accept(listener: &TcpListener) -> io::Result<Accepted> {
    match listener.accept().await {
        Ok(accepted) => Ok(accepted),
        Err(error) => {
            sleep(RETRY).await;
            Err(error)
        }
    }
}
