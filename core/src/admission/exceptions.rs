//! What exceptions mean for one request, and what is said of them.

use std::time::{Duration, SystemTime};

use crate::{
    policy::{Covering, Exception, Exceptions, Subject},
    pss::Pod,
};

use super::{object::Target, request::Request};

/// How long before it ends those whom an exception covers are told so.
pub const NOTICE: Duration = Duration::from_secs(7 * 24 * 3600);

/// All exceptions, and the moment at which it is asked whether they hold.
#[derive(Clone, Copy, Debug)]
pub struct At<'e> {
    /// All that are honoured, if any can be.
    pub exceptions: Option<&'e Exceptions>,
    /// Now.
    pub now: SystemTime,
}

/// What is told of an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `namespace/name`.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// When it ends, or has ended.
    pub ends: Option<SystemTime>,
}

/// The exceptions that cover what is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Those in force.
    pub by: Vec<Note>,
    /// Those that would have been, had they not expired.
    pub expired: Vec<Note>,
    /// Those in force that end soon.
    pub ending: Vec<Note>,
}

impl At<'static> {
    /// Where nothing is excepted.
    pub fn nothing() -> Self {
        Self { exceptions: None, now: SystemTime::UNIX_EPOCH }
    }
}

impl<'e> At<'e> {
    /// Those that cover the pod or the template of a request.
    pub(super) fn of_request(self, request: &Request<'_>, pod: &Pod<'_>) -> Covering<'e> {
        let Some(exceptions) = self.exceptions else { return Covering::default() };
        let subject = match request.target() {
            Target::Template(_) => {
                Subject::of_template(pod, &request.namespace, &request.kind, &request.name)
            }
            Target::Pod | Target::Namespace | Target::Ignored | Target::Unknown => {
                Subject::of(pod, &request.namespace, &request.user.name)
            }
        };
        exceptions.covering(&subject, self.now)
    }

    /// Those that cover a pod that runs: what made it is believed, since nothing is decided by it.
    pub(super) fn of_running(self, namespace: &str, pod: &Pod<'_>) -> Covering<'e> {
        let Some(exceptions) = self.exceptions else { return Covering::default() };
        exceptions.covering(&Subject::as_it_says(pod, namespace), self.now)
    }

    /// What is told of them.
    pub(super) fn told(self, covering: &Covering<'_>) -> Covered {
        let ends_soon = |exception: &&&Exception| {
            exception.expires.is_some_and(|expires| expires <= self.now + NOTICE)
        };
        Covered {
            by: covering.granted.iter().copied().map(Note::of).collect(),
            expired: covering.expired.iter().copied().map(Note::of).collect(),
            ending: covering.granted.iter().filter(ends_soon).copied().map(Note::of).collect(),
        }
    }
}

impl Note {
    fn of(exception: &Exception) -> Self {
        Self {
            name: exception.name.clone(),
            owner: exception.owner.clone(),
            ends: exception.expires,
        }
    }

    /// When it ends, as exceptions say it: `2026-12-24T18:00:00Z`.
    pub fn ends(&self) -> String {
        let time = self.ends.and_then(|ends| jiff::Timestamp::try_from(ends).ok());
        time.map_or_else(|| "never".to_owned(), |time| time.to_string())
    }
}
