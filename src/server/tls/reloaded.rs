//! A value that is reloaded from files while serving. A new value is used once it is valid. Until then the old one
//! stays in use, and [`Bad`] says why.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::time::{MissedTickBehavior, interval};

use super::FileError;

/// Why there is no newer value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// When this was first observed.
    pub since: SystemTime,
    /// The problem and the file. One line.
    pub why: String,
}

/// A value made from the content of `N` files.
pub(super) trait FromFiles<const N: usize>: Sized {
    fn parse(
        files: &[PathBuf; N],
        contents: &[Vec<u8>; N],
        now: SystemTime,
    ) -> Result<Self, FileError>;
}

/// See the module documentation.
pub(super) struct Reloaded<T, const N: usize> {
    current: ArcSwapOption<T>,
    /// None if the value does not come from files.
    files: Option<[PathBuf; N]>,
    /// The content at the last read, unless it may become valid without a change.
    last: Mutex<Option<[Vec<u8>; N]>>,
    bad: Mutex<Option<Bad>>,
}

impl<T: FromFiles<N>, const N: usize> Reloaded<T, N> {
    /// Loads the files for the first time.
    pub(super) fn load(files: [PathBuf; N]) -> Result<Self, FileError> {
        let contents = read(&files)?;
        let value = T::parse(&files, &contents, SystemTime::now())?;
        Ok(Self {
            files: Some(files),
            last: Mutex::new(Some(contents)),
            ..Self::without_files(Some(value))
        })
    }

    pub(super) fn without_files(value: Option<T>) -> Self {
        Self {
            current: ArcSwapOption::from_pointee(value),
            files: None,
            last: Mutex::default(),
            bad: Mutex::default(),
        }
    }

    pub(super) fn has_files(&self) -> bool {
        self.files.is_some()
    }

    pub(super) fn get(&self) -> Option<Arc<T>> {
        self.current.load_full()
    }

    /// Replaces the value.
    pub(super) fn put(&self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        self.current.store(Some(Arc::clone(&value)));
        self.settle();
        value
    }

    /// Reloads the files. Returns a change: a new value, or why there is none. Blocks.
    pub(super) fn reload(&self, now: SystemTime) -> Option<Result<Arc<T>, String>> {
        let files = self.files.as_ref()?;
        let mut last = lock(&self.last);
        let parsed = match read(files) {
            Ok(contents) if last.as_ref() == Some(&contents) => return None,
            Ok(contents) => {
                let parsed = T::parse(files, &contents, now);
                let is_early = matches!(parsed, Err(FileError::NotYetValid(_)));
                *last = (!is_early).then_some(contents);
                parsed
            }
            Err(error) => {
                *last = None;
                Err(error)
            }
        };
        match parsed {
            Ok(value) => Some(Ok(self.put(value))),
            Err(error) => {
                let why = error.to_string();
                self.note(&why, now).then_some(Err(why))
            }
        }
    }

    /// Records why there is no newer value. Returns whether that is new.
    pub(super) fn note(&self, why: &str, now: SystemTime) -> bool {
        let mut bad = lock(&self.bad);
        if bad.as_ref().is_some_and(|bad| bad.why == why) {
            return false;
        }
        let since = bad.as_ref().map_or(now, |bad| bad.since);
        *bad = Some(Bad { since, why: why.to_owned() });
        true
    }

    /// Clears the recorded problem.
    pub(super) fn settle(&self) {
        *lock(&self.bad) = None;
    }

    pub(super) fn bad(&self) -> Option<Bad> {
        lock(&self.bad).clone()
    }
}

/// Omits the content of the files, which includes keys.
impl<T, const N: usize> fmt::Debug for Reloaded<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloaded").field("files", &self.files).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads all files until two consecutive reads are equal: a Secret volume replaces all files at once through a symbolic
/// link, and the certificate of one version does not match the key of another.
fn read<const N: usize>(files: &[PathBuf; N]) -> Result<[Vec<u8>; N], FileError> {
    const TRIES: usize = 3;
    let mut last = read_once(files)?;
    for _ in 1..TRIES {
        let again = read_once(files)?;
        if again == last {
            break;
        }
        last = again;
    }
    Ok(last)
}

fn read_once<const N: usize>(files: &[PathBuf; N]) -> Result<[Vec<u8>; N], FileError> {
    let mut contents = [const { Vec::new() }; N];
    for (path, contents) in files.iter().zip(&mut contents) {
        *contents =
            fs::read(path).map_err(|why| FileError::Unreadable { path: path.clone(), why })?;
    }
    Ok(contents)
}

/// Calls `reload` at this interval, for as long as it is polled.
pub(super) async fn keep_fresh<T: Send + Sync + 'static>(
    value: Arc<T>,
    every: Duration,
    reload: fn(&T, SystemTime),
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let value = Arc::clone(&value);
        // The files may be on slow storage. The panic hook logs a panic there; continue.
        let _ = tokio::task::spawn_blocking(move || reload(&value, SystemTime::now())).await;
    }
}
