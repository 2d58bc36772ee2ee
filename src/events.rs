//! Events of denied pods, for who looks at a ReplicaSet that makes none. Off by default.
//!
//! They are written beside the answer and never before it: what does not fit into a short queue is dropped and
//! counted. Who may reach the webhook's port can have them written, as many as a few a second: docs/reports.md.

use std::{
    collections::HashMap,
    future::Future,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use http::{Request, header::CONTENT_TYPE};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp};
use kube::Client;
use prometheus::IntCounterVec;
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use crate::{
    admission::{self, Answer, Outcome},
    cluster::one_line,
    dns,
    pss::Pod,
};

/// Denials that wait to be written.
const QUEUE: usize = 128;
/// Between two Events: five a second.
const APART: Duration = Duration::from_millis(200);
/// The same is not said again for so long: a controller tries again and again.
const QUIET: Duration = Duration::from_secs(600);
/// The most that is remembered of what was said.
const REMEMBERED: usize = 1024;
/// How long the API server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of a note: what the API server takes.
const MAX_NOTE: usize = 1024;
/// The most bytes of a name.
const MAX_NAME: usize = 253;

/// Where denials are told.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Sender<Denial>,
    counts: IntCounterVec,
}

#[derive(Debug)]
struct Denial {
    namespace: String,
    owner: Option<Owner>,
    /// What is broken, and the name of a pod that nothing manages: others are made up anew each time.
    key: String,
    note: String,
}

#[derive(Debug, Hash)]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
}

impl Events {
    /// A queue, and the task that empties it, which never ends. `counts` has the one label `result`.
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
        (events, write(client, instance, denials, counts))
    }

    /// Tells of a pod that is denied for what it breaks, unless the API server throws the result away. Never waits.
    pub fn tell(&self, request: &admission::Request<'_>, outcome: &Outcome<'_>, answer: &Answer) {
        let (Outcome::Pod(review), Some(denial)) = (outcome, &answer.denial) else { return };
        // It becomes part of a path.
        if request.dry_run || !dns::is_label(&request.namespace) {
            return;
        }
        let Ok(place) = self.queue.try_reserve() else {
            self.counts.with_label_values(&["dropped"]).inc();
            return;
        };
        let owner = owner(review.pod);
        let mut key = admission::reasons(review.judgement.enforce());
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

/// What manages a pod.
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

async fn write(
    client: Client,
    instance: String,
    mut denials: mpsc::Receiver<Denial>,
    counts: IntCounterVec,
) {
    let instance = cut(&instance, 128);
    let mut said = Said::default();
    let mut is_failing = false;
    while let Some(denial) = denials.recv().await {
        let result = if said.is_new(&denial, Instant::now()) {
            let sent = send(&client, &instance, &denial).await;
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

async fn send(client: &Client, instance: &str, denial: &Denial) -> Result<(), String> {
    let namespace = &denial.namespace;
    let regarding = match &denial.owner {
        Some(Owner { api_version, kind, name, uid }) => {
            json!({"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid})
        }
        None => {
            json!({"apiVersion": "v1", "kind": "Namespace", "namespace": namespace, "name": namespace})
        }
    };
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": "portcullis-", "namespace": namespace},
        "eventTime": MicroTime(Timestamp::now()),
        "type": "Warning",
        "reason": "PodDenied",
        "action": "Admission",
        "reportingController": "portcullis.dev/webhook",
        "reportingInstance": instance,
        "regarding": regarding,
        "note": denial.note,
    });
    let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    let request = Request::post(path)
        .header(CONTENT_TYPE, "application/json")
        .body(event.to_string().into_bytes())
        .map_err(|error| error.to_string())?;
    let asked = timeout(PATIENCE, client.request_text(request)).await;
    let asked = asked.map_err(|_| "the API server did not answer in time".to_owned())?;
    asked.map(drop).map_err(|error| one_line(&error))
}

/// What was said lately, as hashes.
#[derive(Default)]
struct Said {
    at: HashMap<u64, Instant>,
}

impl Said {
    fn is_new(&mut self, denial: &Denial, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        (&denial.namespace, &denial.owner, &denial.key).hash(&mut hasher);
        let is_recent = |at: &Instant| now.duration_since(*at) < QUIET;
        let key = hasher.finish();
        if self.at.get(&key).is_some_and(is_recent) {
            return false;
        }
        if self.at.len() >= REMEMBERED {
            self.at.retain(|_, at| is_recent(at));
        }
        if self.at.len() >= REMEMBERED {
            self.at.clear();
        }
        self.at.insert(key, now);
        true
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
    fn the_same_is_said_once_in_ten_minutes() {
        let mut said = Said::default();
        let start = Instant::now();
        assert!(said.is_new(&denial("web", "privileged"), start));
        assert!(!said.is_new(&denial("web", "privileged"), start + QUIET / 2));
        assert!(said.is_new(&denial("web", "hostPID"), start));
        assert!(said.is_new(&denial("db", "privileged"), start));
        assert!(said.is_new(&denial("web", "privileged"), start + QUIET));
        for i in 0..10 * REMEMBERED {
            said.is_new(&denial(&i.to_string(), ""), start);
        }
        assert!(said.at.len() <= REMEMBERED);
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
