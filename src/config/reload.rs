//! The configuration in force, which follows its file. A bad file never replaces a good configuration.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;

use super::{Config, ConfigError, Overrides, document, text_of};

/// The configuration in force, and how its last reading went.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Config>,
    status: ArcSwap<Status>,
    file: Option<PathBuf>,
    overrides: Overrides,
}

/// How reading the configuration went.
#[derive(Clone, Debug)]
pub struct Status {
    /// When the configuration in force came into force.
    pub loaded_at: SystemTime,
    /// What is wrong with the file as it is now, in which case an older one is in force.
    pub error: Option<ConfigError>,
}

/// What a reading changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new configuration is in force.
    Loaded,
    /// The file is bad, in a way it was not before. What was in force stays.
    Refused(ConfigError),
    /// The file was bad, and says again what is in force.
    Recovered,
}

impl Live {
    /// A configuration that no file can change.
    pub fn fixed(config: Config, overrides: Overrides) -> Self {
        Self::new(config, None, overrides)
    }

    /// Reads the file for the first time.
    ///
    /// # Errors
    /// As [`super::load`].
    pub fn of_file(file: PathBuf, overrides: Overrides) -> Result<Self, ConfigError> {
        Ok(Self::new(super::load(&file)?, Some(file), overrides))
    }

    fn new(config: Config, file: Option<PathBuf>, overrides: Overrides) -> Self {
        Self {
            current: ArcSwap::from_pointee(overrides.over(config)),
            status: ArcSwap::from_pointee(Status { loaded_at: SystemTime::now(), error: None }),
            file,
            overrides,
        }
    }

    /// The configuration in force. Take it once a request, so that all of it is judged by the same.
    pub fn current(&self) -> Arc<Config> {
        self.current.load_full()
    }

    /// How the last reading went.
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Reads the file again and returns what that changed: nothing, mostly. One reading at a time.
    pub fn reload_once(&self) -> Option<Change> {
        let read = self.read()?;
        let before = self.status();
        let (loaded_at, error, change) = match read {
            Ok(config) if config == **self.current.load() => {
                let recovered = before.error.is_some().then_some(Change::Recovered);
                (before.loaded_at, None, recovered)
            }
            Ok(config) => {
                self.current.store(Arc::new(config));
                (SystemTime::now(), None, Some(Change::Loaded))
            }
            Err(error) => {
                let is_new = before.error.as_ref() != Some(&error);
                let refused = is_new.then(|| Change::Refused(error.clone()));
                (before.loaded_at, Some(error), refused)
            }
        };
        if change.is_some() {
            self.status.store(Arc::new(Status { loaded_at, error }));
        }
        change
    }

    /// `None` without a file. An empty file is good at the start only: later it is more likely one that is
    /// being written, and would switch everything off.
    fn read(&self) -> Option<Result<Config, ConfigError>> {
        let file = self.file.as_deref()?;
        let read = text_of(file).and_then(|text| document::read(&text, file));
        Some(match read {
            Ok(Some(config)) => Ok(self.overrides.over(config)),
            Ok(None) if **self.current.load() == self.overrides.over(Config::upstream()) => {
                Ok(self.overrides.over(Config::upstream()))
            }
            Ok(None) => Err(ConfigError::of_file(
                file,
                "must not become empty, nor what it names, while the server runs",
            )),
            Err(error) => Err(error),
        })
    }

    /// Reads the file again and again, `every` so often, and tells what changed. Never ends by itself.
    pub async fn run(self: Arc<Self>, every: Duration, mut on_change: impl FnMut(Change)) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, and the file has just been read.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let live = Arc::clone(&self);
            // A volume can hang; a thread that answers requests must not.
            let change = tokio::task::spawn_blocking(move || live.reload_once()).await;
            if let Ok(Some(change)) = change {
                on_change(change);
            }
        }
    }
}
