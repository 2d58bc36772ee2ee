//! The current configuration, reloaded from its file. An invalid file never replaces a valid configuration.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;

use policy::config::{Config, Overrides};

use super::{ConfigError, document, text_of};

/// The current configuration, and the result of the last reload.
#[derive(Debug)]
pub struct Live {
    current: ArcSwap<Config>,
    status: ArcSwap<Status>,
    file: Option<PathBuf>,
    overrides: Overrides,
}

/// The result of loading the configuration.
#[derive(Clone, Debug)]
pub struct Status {
    /// When the current configuration was loaded.
    pub loaded_at: SystemTime,
    /// The problems of the current file, while an older configuration remains in force.
    pub error: Option<ConfigError>,
}

/// The effect of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new configuration is in force.
    Loaded,
    /// The file has become invalid, or invalid in another way. The configuration stays in force.
    Refused(ConfigError),
    /// The file was invalid, and again equals the configuration in force.
    Recovered,
}

impl Live {
    /// A configuration without a file.
    pub fn fixed(config: Config, overrides: Overrides) -> Self {
        Self::new(config, None, overrides)
    }

    /// Loads the file for the first time.
    ///
    /// # Errors
    /// Those of [`super::load`].
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

    /// The current configuration. Read it once per request, so that one configuration applies to all of it.
    pub fn current(&self) -> Arc<Config> {
        self.current.load_full()
    }

    /// The result of the last reload.
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Reloads the file. Returns what changed, usually nothing. Calls are serialised.
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

    /// `None` without a file. An empty file is accepted only at start: later it is more likely one that is being
    /// written, and would disable everything.
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

    /// Reloads the file at this interval, and reports changes. Never returns.
    pub async fn run(self: Arc<Self>, every: Duration, mut on_change: impl FnMut(Change)) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is immediate, and the file has just been read.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let live = Arc::clone(&self);
            // A read can block on a hanging volume, and must not block a thread that serves requests.
            let change = tokio::task::spawn_blocking(move || live.reload_once()).await;
            if let Ok(Some(change)) = change {
                on_change(change);
            }
        }
    }
}
