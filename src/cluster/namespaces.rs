//! A cache of namespaces, with the name and policy labels of each, kept up to date by a watch.
//!
//! The watcher is kube's. The store is not, because kube's keeps the whole metadata of each namespace, about ten times
//! as much, and cannot share labels.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    pin::pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Bytes, Frame};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout},
};
use tower::BoxError;

use super::{Labels, RequestLimits, RetryLog, error::watch_line};

/// The API server ends a watch after this many seconds, and the next one continues from there. A healthy server is
/// therefore never silent for longer, while a dead connection is silent for ever.
pub(crate) const WATCH_SECONDS: u32 = 40;
/// Minimum time between watches, in case the server ends each at once.
const APART: Duration = Duration::from_millis(100);

/// The existing namespaces. NamespaceSet with equal labels share one set: thousands of them have few different sets.
#[derive(Default)]
struct NamespaceSet {
    names: HashMap<Box<str>, Arc<Labels>>,
    sets: HashSet<Arc<Labels>>,
}

impl NamespaceSet {
    /// Inserts a namespace. Returns whether the policy of a known one changed.
    fn insert(&mut self, namespace: PartialObjectMeta<Namespace>) -> bool {
        let Some(name) = namespace.metadata.name else {
            return false;
        };
        let labels = policy_labels(namespace.metadata.labels.unwrap_or_default());
        let shared = self.sets.get(&labels).cloned();
        let labels = shared.unwrap_or_else(|| {
            let labels = Arc::new(labels);
            self.sets.insert(Arc::clone(&labels));
            labels
        });
        let before = self.names.insert(name.into_boxed_str(), Arc::clone(&labels));
        let is_changed = before.is_some_and(|before| before != labels);
        // With more sets than namespaces, some sets are unused.
        if self.sets.len() > self.names.len() {
            self.sets.retain(|labels| Arc::strong_count(labels) > 1);
        }
        is_changed
    }

    fn remove(&mut self, namespace: &PartialObjectMeta<Namespace>) {
        if let Some(name) = &namespace.metadata.name {
            self.names.remove(name.as_str());
        }
    }
}

/// All namespaces, once they have been listed.
#[derive(Default)]
pub(super) struct Cache {
    known: RwLock<NamespaceSet>,
    synced: AtomicBool,
    relabelled: AtomicU64,
    heard: Arc<LastHeard>,
}

/// The state of the namespace cache, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheState {
    /// Whether all namespaces have been listed once.
    pub synced: bool,
    /// Number of namespaces.
    pub namespaces: usize,
    /// Time since the API server last sent an event or a bookmark, which it sends about once a minute. `None` before
    /// the first.
    pub silent_for: Option<Duration>,
}

impl Cache {
    pub(super) fn get(&self, name: &str) -> Option<Arc<Labels>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.names.get(name).cloned()
    }

    pub(super) fn state(&self) -> CacheState {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        CacheState {
            synced: self.synced.load(Ordering::Acquire),
            namespaces: known.names.len(),
            silent_for: self.heard.ago(),
        }
    }

    /// Keeps the cache up to date. Its content stays in use while the server is unreachable. Never returns.
    pub(super) async fn follow(&self, client: Client, limits: RequestLimits) {
        let client = monitored(client, Arc::clone(&self.heard), limits.silence);
        let api = Api::<PartialObjectMeta<Namespace>>::all(client);
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let mut events = pin!(watcher(api, config).default_backoff());
        let mut listed = NamespaceSet::default();
        let what = "cannot watch namespaces: those that are known stay as they are";
        let mut retrying = RetryLog::new(what);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    // The watcher emits it before each list, before anything has arrived.
                    if !matches!(event, Event::Init) {
                        retrying.succeeded();
                    }
                    self.apply(event, &mut listed);
                }
                Err(error) => retrying.failed(&watch_line(&error)),
            }
        }
    }

    /// A list replaces the content, but only when it is complete.
    fn apply(&self, event: Event<PartialObjectMeta<Namespace>>, listed: &mut NamespaceSet) {
        match event {
            Event::Init => *listed = NamespaceSet::default(),
            Event::InitApply(namespace) => {
                listed.insert(namespace);
            }
            Event::InitDone => {
                let known = std::mem::take(listed);
                tracing::info!(namespaces = known.names.len(), "namespaces are listed");
                self.change(|all| *all = known);
                // Events may have been missed.
                self.relabelled.fetch_add(1, Ordering::Relaxed);
                self.synced.store(true, Ordering::Release);
            }
            Event::Apply(namespace) => {
                if self.change(|all| all.insert(namespace)) {
                    self.relabelled.fetch_add(1, Ordering::Relaxed);
                }
            }
            Event::Delete(namespace) => self.change(|all| all.remove(&namespace)),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut NamespaceSet) -> T) -> T {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often the policy labels of a known namespace have changed, or may have.
    pub(super) fn relabelled(&self) -> u64 {
        self.relabelled.load(Ordering::Relaxed)
    }
}

/// Keeps only the policy labels.
pub(super) fn policy_labels(mut labels: BTreeMap<String, String>) -> Labels {
    labels.retain(|key, _| {
        key.starts_with("pod-security.kubernetes.io/") || key.starts_with("portcullis.dev/")
    });
    labels
}

/// When the API server last sent anything. Needed because the watcher does not expose bookmarks.
pub(crate) struct LastHeard {
    start: Instant,
    /// Milliseconds since the start plus one; zero for never.
    at: AtomicU64,
}

impl Default for LastHeard {
    fn default() -> Self {
        Self { start: Instant::now(), at: AtomicU64::new(0) }
    }
}

impl LastHeard {
    fn now(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.at.store(millis + 1, Ordering::Relaxed);
    }

    pub(crate) fn ago(&self) -> Option<Duration> {
        let millis = self.at.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.start.elapsed().saturating_sub(Duration::from_millis(millis)))
    }
}

/// Wraps a client to record when data of a successful response arrives, and to fail a response without data for too
/// long. TCP alone takes a quarter of an hour to notice that the other end is gone.
pub(crate) fn monitored(client: Client, heard: Arc<LastHeard>, silence: Duration) -> Client {
    let namespace = client.default_namespace().to_owned();
    let last_watch = Arc::new(Mutex::new(None));
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (client, heard) = (client.clone(), Arc::clone(&heard));
        let last_watch = Arc::clone(&last_watch);
        async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=")) {
                wait_turn(&last_watch).await;
            }
            let late = |_| kube::Error::Service("the API server has fallen silent".into());
            let response = timeout(silence, client.send(request)).await.map_err(late)??;
            let is_good = response.status().is_success();
            Ok::<_, kube::Error>(response.map(|body| {
                let body = body.map_frame(move |frame| {
                    if is_good {
                        heard.now();
                    }
                    frame
                });
                with_idle_timeout(body, silence)
            }))
        }
    });
    Client::new(service, namespace)
}

/// Waits until enough time has passed since the last call returned.
async fn wait_turn(last: &Mutex<Option<Instant>>) {
    let mut last = last.lock().await;
    if let Some(last) = *last {
        sleep_until(last + APART).await;
    }
    *last = Some(Instant::now());
}

/// Wraps a body so that it fails after this much time without data.
fn with_idle_timeout<B>(
    body: B,
    silence: Duration,
) -> impl Body<Data = Bytes, Error = BoxError> + Send + 'static
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    StreamBody::new(stream::try_unfold(body, move |mut body| async move {
        match timeout(silence, body.frame()).await {
            Ok(Some(Ok(frame))) => Ok::<Option<(Frame<Bytes>, B)>, BoxError>(Some((frame, body))),
            Ok(Some(Err(error))) => Err(error.into()),
            Ok(None) => Ok(None),
            Err(_) => Err("the API server has fallen silent".into()),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(name: &str, level: &str) -> PartialObjectMeta<Namespace> {
        let mut namespace = PartialObjectMeta::default();
        let key = "pod-security.kubernetes.io/enforce".to_owned();
        namespace.metadata.name = Some(name.to_owned());
        namespace.metadata.labels = Some([(key, level.to_owned())].into());
        namespace
    }

    #[test]
    fn equal_labels_are_kept_once() {
        let mut known = NamespaceSet::default();
        for i in 0..100 {
            known.insert(namespace(&i.to_string(), "baseline"));
        }
        assert_eq!((known.names.len(), known.sets.len()), (100, 1));
        // Unused sets are dropped.
        let mut known = NamespaceSet::default();
        for i in 0..100 {
            assert_eq!(known.insert(namespace("a", &i.to_string())), i > 0, "it has other labels");
            assert!(!known.insert(namespace("b", "baseline")), "it has the same");
        }
        assert_eq!(known.names.len(), 2);
        assert!(known.sets.len() <= 3, "{}", known.sets.len());
        known.remove(&namespace("a", ""));
        assert!(!known.names.contains_key("a"));
    }
}
