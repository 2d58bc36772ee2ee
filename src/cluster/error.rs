//! Errors of requests to the API server.

use std::error::Error;

use kube::runtime::watcher;

/// Why a request to the API server has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The object or the resource does not exist.
    #[error("not found")]
    NotFound,
    /// The account lacks the permission. One line.
    #[error("{0}")]
    Forbidden(String),
    /// The list's resource version has expired. Contains the token that continues from the current state, if any.
    #[error("the API server has forgotten where the list was")]
    Expired(Option<String>),
    /// The response exceeds the size limit.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The limit on live reads of namespaces was reached.
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
    /// The API server is busy or unreachable: a retry may help. One line.
    #[error("{0}")]
    Unavailable(String),
    /// The response cannot be read. One line.
    #[error("{0}")]
    Unreadable(String),
    /// Any other error. One line.
    #[error("{0}")]
    Failed(String),
}

impl ApiError {
    /// The values of [`kind`](Self::kind).
    pub const KINDS: [&str; 4] = ["rate", "memory", "time", "error"];

    /// The reason, as a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RateLimited | Self::TooManyLists => "rate",
            Self::TooLittleMemory | Self::TooLarge(_) => "memory",
            Self::Timeout => "time",
            _ => "error",
        }
    }

    pub(crate) fn unreadable(what: &str, error: &impl ToString) -> Self {
        Self::Unreadable(bounded(&format!("{what} cannot be read: {}", error.to_string())))
    }
}

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 404 => Self::NotFound,
            _ => Self::Failed(one_line(&error)),
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
