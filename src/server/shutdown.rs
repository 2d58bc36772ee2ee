//! The stages of shutdown, passed to the listener as a value.
//!
//! The first SIGTERM or SIGINT starts draining, the second aborts. Only [`Signals`] affects the process; tests use the
//! [`Trigger`] directly.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The stage of shutdown. It only advances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// No shutdown.
    Serving,
    /// Unready, but still serving open and new connections.
    Draining,
    /// Everything is closed.
    Aborted,
}

/// Starts the stages.
#[derive(Debug)]
pub struct Trigger(watch::Sender<Stage>);

/// Observes the stages. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Stage>);

/// Creates a trigger and its observer.
#[must_use]
pub fn shutdown() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(Stage::Serving);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Starts draining. No effect in a later stage.
    pub fn drain(&self) {
        self.advance(Stage::Draining);
    }

    /// Aborts immediately.
    pub fn abort(&self) {
        self.advance(Stage::Aborted);
    }

    fn advance(&self, to: Stage) {
        self.0.send_if_modified(|stage| {
            let forward = to > *stage;
            if forward {
                *stage = to;
            }
            forward
        });
    }
}

impl Shutdown {
    /// The current stage.
    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits for a stage that this value has not returned yet. Never returns if the trigger is gone.
    pub async fn changed(&mut self) -> Stage {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }
}

/// SIGTERM and SIGINT, caught from [`Signals::catch`] on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Installs handlers for the signals of the process. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The first signal drains, the second aborts. Returns after the second.
    pub async fn pull(mut self, trigger: &Trigger) {
        self.next().await;
        tracing::info!("draining: another signal ends it at once");
        trigger.drain();
        self.next().await;
        tracing::warn!("second signal: ending now");
        trigger.abort();
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
