//! From "go on" to "finish" to "stop now", as a value that the listener is given.
//!
//! The first SIGTERM or SIGINT drains, the second aborts. Only [`Signals`] touches the process; tests
//! pull the [`Trigger`] themselves.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How far the end has come. It only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Not at all.
    Serving,
    /// Unready; what is open is finished, what comes is still served.
    Draining,
    /// Everything is dropped.
    Aborted,
}

/// What begins the end.
#[derive(Debug)]
pub struct Trigger(watch::Sender<Stage>);

/// What is waited on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Stage>);

/// A trigger and what it triggers.
#[must_use]
pub fn shutdown() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(Stage::Serving);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Begins draining; without effect later.
    pub fn drain(&self) {
        self.advance(Stage::Draining);
    }

    /// Ends everything now.
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
    /// How far the end has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits for a stage that this value has not returned yet. Never, when the trigger is gone.
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
    /// Takes the signals over for the whole process. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system does not allow it.
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
