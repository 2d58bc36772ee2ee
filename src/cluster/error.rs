//! Why something could not be read.

use std::error::Error;

use kube::runtime::watcher;

/// Why a namespace's labels or pods are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such namespace.
    #[error("not found")]
    NotFound,
    /// More was asked than is asked of the API server.
    #[error("too many namespaces are being looked up")]
    RateLimited,
    /// More bytes of pods were listed than are asked for in so short a time, or other lists are under way.
    #[error("too many pods are being listed")]
    TooManyLists,
    /// A page of a list is larger than what may be in memory of it.
    #[error("there is too little memory to list them")]
    TooLittleMemory,
    /// No answer in time.
    #[error("the API server did not answer in time")]
    Timeout,
    /// What the API server said instead, or why it could not be asked. One line.
    #[error("{0}")]
    Api(String),
}

impl LookupError {
    /// The kinds that [`kind`](Self::kind) tells apart.
    pub const KINDS: [&str; 4] = ["rate", "memory", "time", "error"];

    /// What kept us from knowing, as a label of a metric.
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

/// An error with its causes, as one line of bounded length: what the API server or the way to it says, without the
/// name of the layer that handed it on.
pub(crate) fn one_line(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => bounded(&format!("{} (code {})", status.message, status.code)),
        kube::Error::Service(error) => chain(error.as_ref()),
        kube::Error::HyperError(error) => chain(error),
        other => chain(other),
    }
}

/// The same for what a watch ends with.
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
        // Many an error ends with its cause already.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    bounded(&text)
}

/// At most 300 characters, none of them a control character.
pub(crate) fn bounded(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(300).map(printable).collect()
}
