//! The exceptions that cover one workload, for responses and reports.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime},
};

use crate::{
    exceptions::{Covering, Exception},
    rules::Mode,
};

use super::{Form, PodCase};

/// Maximum number of expired exceptions, the latest ones, for which a denied pod is judged again.
const MOST_EXPIRED: usize = 8;
/// How long before the expiry of an exception its users are warned.
pub const NOTICE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The exceptions that cover a workload, each list sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionSummary {
    /// In force.
    pub by: Vec<Note>,
    /// Expired.
    pub expired: Vec<Note>,
    /// Of the expired, those that would have prevented the denial.
    pub missed: Vec<Note>,
    /// In force and needed, but expiring soon.
    pub ending: Vec<Note>,
}

/// One exception in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `namespace/name`.
    pub name: String,
    /// The person or team responsible.
    pub owner: String,
    /// Expiry time, past or future. None for no expiry.
    pub ends: Option<SystemTime>,
}

impl ExceptionSummary {
    pub(super) fn new(case: &PodCase<'_>, form: Form) -> Self {
        let Covering { granted, expired } = &case.exceptions;
        let soon = case.context.excepted.now + NOTICE;
        let ends_soon = |exception: &&Exception| exception.expires.is_some_and(|at| at <= soon);
        let (ending, staying) = granted.iter().copied().partition(ends_soon);
        let notes = |exceptions: &[&Exception]| exceptions.iter().copied().map(Note::new).collect();
        Self {
            by: notes(granted),
            expired: notes(expired),
            missed: notes(&needed(case, form, &case.exceptions)),
            ending: notes(&needed(case, form, &Covering { granted: staying, expired: ending })),
        }
    }
}

impl ExceptionSummary {
    /// Adds the exceptions of another pod of the same object.
    pub fn merge(&mut self, other: Self) {
        for (list, more) in [
            (&mut self.by, other.by),
            (&mut self.expired, other.expired),
            (&mut self.missed, other.missed),
            (&mut self.ending, other.ending),
        ] {
            list.extend(more);
            list.sort_by(|one, other| one.name.cmp(&other.name));
            list.dedup();
        }
    }
}

/// The expired exceptions that would prevent the denial of a form of a pod: a minimal sufficient set, and those that
/// could replace one of its members.
fn needed<'e>(case: &PodCase<'_>, form: Form, covering: &Covering<'e>) -> Vec<&'e Exception> {
    let allows_with = |expired: &[&Exception]| {
        let expired = expired.iter().map(|exception| exception.grant());
        let grants: Vec<_> = covering.grants().into_iter().chain(expired).collect();
        case.broken_with(form, Mode::Enforce, &grants).is_empty()
    };
    let mut latest = covering.expired.clone();
    latest.sort_by_key(|exception| Reverse(exception.expires));
    latest.truncate(MOST_EXPIRED);
    if latest.is_empty() || allows_with(&[]) || !allows_with(&latest) {
        return Vec::new();
    }
    let mut needed = latest.clone();
    for place in (0..needed.len()).rev() {
        let exception = needed.remove(place);
        if !allows_with(&needed) {
            needed.insert(place, exception);
        }
    }
    let could_replace = |exception: &&Exception| {
        (0..needed.len()).any(|place| {
            let mut others = needed.clone();
            if let Some(other) = others.get_mut(place) {
                *other = exception;
            }
            allows_with(&others)
        })
    };
    latest.retain(could_replace);
    latest.sort_by(|one, other| one.name.cmp(&other.name));
    latest
}

impl Note {
    fn new(exception: &Exception) -> Self {
        Self {
            name: exception.name.clone(),
            owner: exception.owner.clone(),
            ends: exception.expires,
        }
    }

    /// The expiry time, in the format of exceptions: `2026-12-24T18:00:00Z`.
    pub fn ends(&self) -> String {
        let time = self.ends.and_then(|ends| jiff::Timestamp::try_from(ends).ok());
        time.map_or_else(|| "never".to_owned(), |time| time.to_string())
    }
}
