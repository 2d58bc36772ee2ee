//! Errors of reads from the API server.

use std::error::Error;

use kube::runtime::watcher;

/// Why a namespace's labels or pods are unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The namespace does not exist.
    #[error("not found")]
    NotFound,
    /// The limit on requests to the API server was reached.
    #[error("too many namespaces are being looked up")]
    RateLimited,
    /// The limit on listed bytes was reached, or other lists are in progress.
    #[error("too many pods are being listed")]
    TooManyLists,
    /// A page of a list exceeds the memory budget.
    #[error("there is too little memory to list them")]
    TooLittleMemory,
    /// The API server did not respond in time.
    #[error("the API server did not answer in time")]
    Timeout,
    /// The API server's error, or why it could not be reached. One line.
    #[error("{0}")]
    Api(String),
}

impl LookupError {
    /// The values of [`kind`](Self::kind).
    pub const KINDS: [&str; 4] = ["rate", "memory", "time", "error"];

    /// The reason, as a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RateLimited | Self::TooManyLists => "rate",
            Self::TooLittleMemory => "memory",
            Self::Timeout => "time",
            Self::NotFound | Self::Api(_) => "error",
        }
    }
}

impl From<kube::Error> for LookupError {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 404 => Self::NotFound,
            _ => Self::Api(one_line(&error)),
        }
    }
}

/// An error with its causes as one bounded line: the API server's message or the network error, without the names of
/// the layers between.
pub(crate) fn one_line(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => bounded(&format!("{} (code {})", status.message, status.code)),
        kube::Error::Service(error) => chain(error.as_ref()),
        kube::Error::HyperError(error) => chain(error),
        other => chain(other),
    }
}

/// The same for the error of a watch.
pub(crate) fn watch_line(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => one_line(error),
        watcher::Error::WatchError(status) => {
            bounded(&format!("{} (code {})", status.message, status.code))
        }
        watcher::Error::NoResourceVersion => bounded(&error.to_string()),
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Many errors already end with their cause.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    bounded(&text)
}

/// At most 300 characters, without control characters.
pub(crate) fn bounded(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(300).map(printable).collect()
}
