//! The exceptions of the watched namespaces in compiled form, within a memory limit.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use kube::api::DynamicObject;

use policy::{
    exceptions::{Exception, Exceptions, Expiry},
    verdict::NOTICE,
};

use super::{
    census::Census,
    compile::compile,
    resource::{PolicyExceptionStatus, State},
};

/// Limits on what is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Exceptions in force.
    pub(super) exceptions: usize,
    /// Bytes of their specs, as JSON.
    pub(super) bytes: usize,
    /// Further exceptions that are only known by name.
    pub(super) names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { exceptions: 10_000, bytes: 16 << 20, names: 10_000 }
    }
}

/// The namespace and name of an exception.
pub(super) type Key = (String, String);

/// An object and its compiled form.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    content: Content,
    /// Its size for the memory limit, in bytes.
    size: usize,
    generation: Option<i64>,
    /// The status of the object.
    pub(super) told: PolicyExceptionStatus,
}

#[derive(Clone, Debug)]
enum Content {
    Held {
        exception: Arc<Exception>,
        /// The values that allow nothing, if there are any.
        idle: Option<String>,
    },
    Invalid(String),
    /// Beyond the limits.
    Ignored,
}

impl Entry {
    /// Compiles an object, and measures its spec in bytes.
    pub(super) fn read(object: &DynamicObject, expiry: Expiry) -> Option<(Key, Self)> {
        let name = object.metadata.name.clone()?;
        let namespace = object.metadata.namespace.clone()?;
        let spec = object.data.get("spec").unwrap_or(&serde_json::Value::Null);
        let content = match compile(&format!("{namespace}/{name}"), spec, expiry) {
            Ok(exception) => {
                Content::Held { idle: exception.allow.idle_note(), exception: Arc::new(exception) }
            }
            Err(why) => Content::Invalid(why.to_string()),
        };
        let size = match content {
            Content::Held { .. } => spec.to_string().len(),
            Content::Invalid(_) | Content::Ignored => 0,
        };
        Some((
            (namespace, name),
            Self { content, size, generation: object.metadata.generation, told: told(object) },
        ))
    }

    /// The status to write. The number of covered workloads stays as it was until the next count.
    pub(super) fn status(&self, covers: Option<u32>, now: SystemTime) -> PolicyExceptionStatus {
        let (state, message) = match &self.content {
            Content::Held { exception, .. } if exception.is_expired(now) => (
                State::Expired,
                Some("it allows nothing any more: delete it, or have it renewed".to_owned()),
            ),
            Content::Held { exception, .. }
                if exception.left(now).is_some_and(|left| left <= NOTICE) =>
            {
                let message = "it ends within seven days: have it renewed, or do without it";
                (State::Ending, Some(message.to_owned()))
            }
            Content::Held { idle, .. } => (State::Active, idle.clone()),
            Content::Invalid(why) => (State::Invalid, Some(why.clone())),
            Content::Ignored => (
                State::Ignored,
                Some("there are more exceptions than are honoured: delete old ones".to_owned()),
            ),
        };
        let covers = match state {
            State::Active | State::Ending => covers.or(self.told.covers),
            State::Expired | State::Invalid | State::Ignored => Some(0),
        };
        PolicyExceptionStatus {
            state: Some(state),
            message,
            covers,
            observed_generation: self.generation,
        }
    }
}

fn told(object: &DynamicObject) -> PolicyExceptionStatus {
    let status = object.data.get("status").cloned();
    status.and_then(|status| serde_json::from_value(status).ok()).unwrap_or_default()
}

/// All known exceptions.
#[derive(Debug, Default)]
pub(super) struct Known {
    entries: BTreeMap<Key, Entry>,
    limits: Limits,
    held: usize,
    bytes: usize,
    /// Number of exceptions of which not even the name is kept.
    pub(super) left_out: usize,
}

impl Known {
    #[cfg(test)]
    fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds or replaces an exception. Ignores it if the limits are reached.
    pub(super) fn insert(&mut self, (key, mut entry): (Key, Entry)) {
        self.remove(&key);
        if let Content::Held { .. } = entry.content {
            let fits = self.held < self.limits.exceptions
                && self.bytes.saturating_add(entry.size) <= self.limits.bytes;
            if fits {
                self.held += 1;
                self.bytes += entry.size;
            } else {
                (entry.content, entry.size) = (Content::Ignored, 0);
            }
        }
        let is_held = matches!(entry.content, Content::Held { .. });
        if !is_held && self.entries.len() - self.held >= self.limits.names {
            self.left_out += 1;
            return;
        }
        self.entries.insert(key, entry);
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(old) = self.entries.remove(key)
            && let Content::Held { .. } = old.content
        {
            self.held -= 1;
            self.bytes -= old.size;
        }
    }

    /// Replaces all exceptions of a namespace.
    pub(super) fn replace(
        &mut self,
        namespace: &str,
        entries: impl IntoIterator<Item = (Key, Entry)>,
    ) {
        self.forget(|known| known == namespace);
        for entry in entries {
            self.insert(entry);
        }
    }

    /// Removes all exceptions of some namespaces.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        let gone: Vec<_> =
            self.entries.keys().filter(|(namespace, _)| is_gone(namespace)).cloned().collect();
        for key in gone {
            self.remove(&key);
        }
    }

    /// Whether an ignored exception may fit, now that another one is gone.
    pub(super) fn is_overfull(&self) -> bool {
        self.left_out > 0
            || self.entries.values().any(|entry| matches!(entry.content, Content::Ignored))
    }

    /// The exceptions in force.
    pub(super) fn compiled(&self) -> Exceptions {
        let held = self.entries.values().filter_map(|entry| match &entry.content {
            Content::Held { exception, .. } => Some(Arc::clone(exception)),
            Content::Invalid(_) | Content::Ignored => None,
        });
        held.collect()
    }

    /// Counts the exceptions. Those without a kept name are not counted, but then the limits show in the numbers of
    /// invalid or ignored ones.
    pub(super) fn census(&self, notice: Duration, now: SystemTime) -> Census {
        let held = self.entries.values().filter_map(|entry| match &entry.content {
            Content::Held { exception, .. } => Some(&**exception),
            Content::Invalid(_) | Content::Ignored => None,
        });
        let mut census = Census::of(held, notice, now);
        for entry in self.entries.values() {
            match entry.content {
                Content::Held { .. } => {}
                Content::Invalid(_) => census.invalid += 1,
                Content::Ignored => census.ignored += 1,
            }
        }
        census
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// Records the status of an object.
    pub(super) fn told(&mut self, key: &Key, status: PolicyExceptionStatus) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.told = status;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(name: &str, reason: &str) -> (Key, Entry) {
        let object = serde_json::from_value(json!({
            "apiVersion": "portcullis.dev/v1alpha1",
            "kind": "PolicyException",
            "metadata": {"name": name, "namespace": "p", "generation": 3},
            "spec": {
                "match": {"namespaces": ["shop"]},
                "allow": {"hostNamespaces": ["pid"]},
                "reason": reason, "owner": "o", "expires": "2027-01-31T00:00:00Z",
            },
            "status": {"state": "Active", "covers": 7},
        }));
        Entry::read(&object.unwrap(), Expiry::Required).unwrap()
    }

    fn states(known: &Known, now: SystemTime) -> String {
        let states = known.iter().map(|((_, name), entry)| {
            let status = entry.status(None, now);
            format!(
                "{name} {} {}",
                status.state.unwrap().as_str(),
                status.covers.unwrap_or_default()
            )
        });
        states.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_status_says_what_is() {
        let mut known = Known::default();
        known.insert(entry("good", "r"));
        known.insert(entry("bad", ""));
        let end = jiff::Timestamp::from_second(1_801_353_600).unwrap();
        let before = SystemTime::from(end - jiff::SignedDuration::from_nanos(1));
        let week = SystemTime::from(end) - NOTICE;
        let nanosecond = Duration::from_nanos(1);
        assert_eq!(states(&known, week - nanosecond), "bad Invalid 0, good Active 7");
        assert_eq!(states(&known, week), "bad Invalid 0, good Ending 7");
        assert_eq!(states(&known, before), "bad Invalid 0, good Ending 7");
        assert_eq!(states(&known, end.into()), "bad Invalid 0, good Expired 0");
        assert_eq!(known.compiled().len(), 1);
        let notice = Duration::from_secs(60);
        let census = known.census(notice, before);
        assert_eq!((census.ending, census.expired, census.invalid), (1, 0, 1));
        let census = known.census(notice, end.into());
        assert_eq!((census.ending, census.expired, census.invalid), (0, 1, 1));
        assert_eq!(census.ends, [("p/good".to_owned(), SystemTime::from(end))]);
        let (_, bad) = known.iter().next().unwrap();
        let status = bad.status(Some(9), before);
        assert_eq!(
            status.message.as_deref(),
            Some("spec.reason: \"\": must not be empty, and at most 1024 characters long")
        );
        assert_eq!((status.covers, status.observed_generation), (Some(0), Some(3)));
    }

    #[test]
    fn a_status_names_what_allows_nothing() {
        let mut spec = json!({
            "match": {"namespaces": ["shop"]},
            "allow": {"volumeTypes": ["emptyDir"]},
            "reason": "r", "owner": "o", "expires": "2027-01-31T00:00:00Z",
        });
        let message = |spec: &serde_json::Value| {
            let object = json!({
                "apiVersion": "portcullis.dev/v1alpha1",
                "kind": "PolicyException",
                "metadata": {"name": "e", "namespace": "p"},
                "spec": spec,
            });
            let object = serde_json::from_value(object).unwrap();
            let (_, entry) = Entry::read(&object, Expiry::Required).unwrap();
            let status = entry.status(None, SystemTime::UNIX_EPOCH);
            assert_eq!(status.state, Some(State::Active));
            status.message
        };
        let expected = "it allows nothing: every level allows volumeTypes emptyDir anyway";
        assert_eq!(message(&spec).as_deref(), Some(expected));
        spec["allow"] = json!({"volumeTypes": ["nfs"]});
        assert_eq!(message(&spec), None);
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits { exceptions: 2, bytes: 1000, names: 2 };
        let mut known = Known::with_limits(limits);
        for name in ["a", "b", "c", "d", "e"] {
            known.insert(entry(name, "r"));
        }
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(states(&known, now), "a Active 7, b Active 7, c Ignored 0, d Ignored 0");
        assert_eq!((known.compiled().len(), known.left_out), (2, 1));
        let census = known.census(Duration::from_secs(60), now);
        assert_eq!((census.active, census.invalid, census.ignored), (2, 0, 2));
        // A changed exception keeps its place.
        known.insert(entry("a", "other"));
        assert_eq!(known.compiled().len(), 2);
        known.remove(&("p".to_owned(), "a".to_owned()));
        assert!(known.is_overfull());
        known.insert(entry("long", &"x".repeat(1000)));
        assert_eq!(known.compiled().len(), 1, "it takes too much");
        known.replace("p", [entry("z", "r")]);
        assert_eq!((states(&known, now).as_str(), known.held), ("z Active 7", 1));
        known.forget(|namespace| namespace == "p");
        assert_eq!((known.held, known.bytes, known.entries.len()), (0, 0, 0));
    }
}
