//! Events for denied pods, visible at the ReplicaSet that cannot create them. Off by default.
//!
//! They are written after the response and never delay it: a short queue drops and counts what does not fit. Each owner
//! has one Event per set of violations, which counts further denials as a series, whichever replica denies. Clients
//! with access to the webhook's port can cause a few Events a second: docs/reports.md.

mod write;

use std::{
    collections::HashMap,
    future::Future,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use kube::Client;
use prometheus::IntCounterVec;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use admission::{Answer, Outcome};
use policy::{dns, pss::Pod};

/// Maximum number of denials that wait to be written.
const QUEUE: usize = 128;
/// Minimum time between two Events: five a second.
const APART: Duration = Duration::from_millis(200);
/// Minimum time between two writes of the same denial: a controller retries again and again.
const QUIET: Duration = Duration::from_secs(600);
/// Maximum number of remembered denials.
const REMEMBERED: usize = 1024;
/// Maximum size of a note in bytes, the API server's limit.
const MAX_NOTE: usize = 1024;
/// Maximum size of a name in bytes.
const MAX_NAME: usize = 253;

/// Accepts denials to be written as Events.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Sender<Denial>,
    counts: IntCounterVec,
}

#[derive(Debug)]
struct Denial {
    namespace: String,
    owner: Option<Owner>,
    /// The violations, and the name of a pod without a controller. Names of other pods differ each time.
    key: String,
    note: String,
}

impl Denial {
    /// Equal for the same violations of the same owner, in every replica and after a restart.
    fn id(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.namespace, &self.owner, &self.key).hash(&mut hasher);
        hasher.finish()
    }
}

#[derive(Debug, Hash)]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
}

impl Events {
    /// Returns the queue, and the task that empties it and never ends. `counts` has the single label `result`.
    pub fn new(
        client: Client,
        instance: String,
        counts: IntCounterVec,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, denials) = mpsc::channel(QUEUE);
        for result in ["written", "repeated", "dropped", "failed"] {
            counts.with_label_values(&[result]);
        }
        let events = Self { queue, counts: counts.clone() };
        (events, follow(client, instance, denials, counts))
    }

    /// Queues an Event for a pod that is denied for its violations, unless the request is a dry run. Never waits.
    pub fn queue(&self, request: &admission::Request<'_>, outcome: &Outcome<'_>, answer: &Answer) {
        let (Outcome::Pod(verdict), Some(denial)) = (outcome, &answer.denial) else { return };
        // The namespace becomes part of a path.
        if request.dry_run || !dns::is_label(&request.namespace) {
            return;
        }
        let Ok(place) = self.queue.try_reserve() else {
            self.counts.with_label_values(&["dropped"]).inc();
            return;
        };
        let owner = owner(verdict.case.pod);
        let mut key = policy::verdict::reasons(&verdict.enforce);
        if owner.is_none() {
            key.push_str(&cut(&request.name, MAX_NAME));
        }
        place.send(Denial {
            namespace: request.namespace.to_string(),
            owner,
            key,
            note: cut(&denial.message, MAX_NOTE),
        });
    }
}

fn owner(pod: &Pod<'_>) -> Option<Owner> {
    let owner = pod.metadata.controller()?;
    let texts = [&owner.api_version, &owner.kind, &owner.name, &owner.uid];
    let is_short = texts.into_iter().all(|text| text.len() <= MAX_NAME);
    is_short.then(|| Owner {
        api_version: owner.api_version.to_string(),
        kind: owner.kind.to_string(),
        name: owner.name.to_string(),
        uid: owner.uid.to_string(),
    })
}

async fn follow(
    client: Client,
    instance: String,
    mut denials: mpsc::Receiver<Denial>,
    counts: IntCounterVec,
) {
    let instance = cut(&instance, 128);
    let mut recent = RecentDenials::default();
    let mut is_failing = false;
    while let Some(denial) = denials.recv().await {
        let result = if let Some(times) = recent.times(&denial, Instant::now()) {
            let sent = write::write(&client, &instance, &denial, times).await;
            if let (Err(error), false) = (&sent, is_failing) {
                tracing::warn!(error, "an Event could not be written");
            }
            is_failing = sent.is_err();
            sleep(APART).await;
            if is_failing { "failed" } else { "written" }
        } else {
            "repeated"
        };
        counts.with_label_values(&[result]).inc();
    }
}

/// Recent denials by hash: the time of the last write, and how often it recurred since.
#[derive(Default)]
struct RecentDenials {
    at: HashMap<u64, (Instant, u32)>,
}

impl RecentDenials {
    /// Number of denials to write now, including this one. None if the same denial was written recently.
    fn times(&mut self, denial: &Denial, now: Instant) -> Option<u32> {
        let is_recent = |(at, _): &(Instant, u32)| now.duration_since(*at) < QUIET;
        let key = denial.id();
        let missed = match self.at.get_mut(&key) {
            Some(recent) if is_recent(recent) => {
                recent.1 = recent.1.saturating_add(1);
                return None;
            }
            Some((_, missed)) => *missed,
            None => 0,
        };
        if self.at.len() >= REMEMBERED {
            self.at.retain(|_, recent| is_recent(recent));
        }
        if self.at.len() >= REMEMBERED {
            self.at.clear();
        }
        self.at.insert(key, (now, 0));
        Some(missed.saturating_add(1))
    }
}

fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn denial(name: &str, key: &str) -> Denial {
        let text = |text: &str| text.to_owned();
        let owner = Owner {
            api_version: text("apps/v1"),
            kind: text("ReplicaSet"),
            name: text(name),
            uid: text("1"),
        };
        Denial { namespace: text("shop"), owner: Some(owner), key: text(key), note: String::new() }
    }

    #[test]
    fn the_same_message_is_logged_once_in_ten_minutes() {
        let mut recent = RecentDenials::default();
        let start = Instant::now();
        let mut times = |name: &str, key: &str, at| recent.times(&denial(name, key), at);
        assert_eq!(times("web", "privileged", start), Some(1));
        assert_eq!(times("web", "privileged", start + QUIET / 2), None);
        assert_eq!(times("web", "privileged", start + QUIET / 2), None);
        assert_eq!(times("web", "hostPID", start), Some(1));
        assert_eq!(times("db", "privileged", start), Some(1));
        assert_eq!(times("web", "privileged", start + QUIET), Some(3));
        assert_eq!(times("web", "privileged", start + 2 * QUIET), Some(1));
        for i in 0..10 * REMEMBERED {
            times(&i.to_string(), "", start);
        }
        assert!(recent.at.len() <= REMEMBERED);
    }

    #[test]
    fn the_owner_is_what_manages_the_pod() {
        let named = |owners: serde_json::Value| {
            let text = json!({"metadata": {"ownerReferences": owners}, "spec": {}}).to_string();
            let pod: Pod<'_> = serde_json::from_str(&text).unwrap();
            owner(&pod).map(|owner| owner.name)
        };
        let reference = |controller: bool, name: &str| json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": "1", "controller": controller});
        let owners = json!([reference(false, "a"), reference(true, "b")]);
        assert_eq!(named(owners), Some("b".to_owned()));
        assert_eq!(named(json!([reference(false, "a")])), None);
        assert_eq!(named(json!([reference(true, &"x".repeat(300))])), None);
        assert_eq!(named(json!(null)), None);
    }
}
