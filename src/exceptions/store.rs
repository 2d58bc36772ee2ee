//! The exceptions in force: those of the configured namespaces, kept up to date by a watch on each.
//!
//! While the API server is unreachable, known exceptions stay in force until they expire. If it does not serve
//! PolicyExceptions, there are none; the store checks again periodically without logging.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use futures::{StreamExt as _, future::join_all};
use kube::{
    Api, Client,
    api::DynamicObject,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use tokio::{sync::Notify, time::sleep};

use policy::exceptions::{ExceptionSettings, Exceptions, Expiry};

use crate::cluster::{LastHeard, RetryLog, WATCH_SECONDS, monitored, watch_line};

use super::{
    census::Census,
    known::{Entry, Key, Known, Limits},
    list,
    resource::{PolicyExceptionStatus, resource},
};

/// A healthy API server is never silent for longer than a watch lasts.
const SILENCE: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 3);
/// How often to look for a changed configuration, which is in memory.
const LOOK: Duration = Duration::from_secs(1);
/// Minimum time between compilations, so that a burst of changes does not cause one each.
const APART: Duration = Duration::from_millis(100);

/// The known exceptions of a cluster.
#[derive(Default)]
pub struct Store {
    current: ArcSwap<Exceptions>,
    covers: ArcSwapOption<HashMap<String, u32>>,
    inner: Mutex<Inner>,
    /// Signals a change.
    changed: Notify,
    /// Signals that an ignored exception may fit now.
    room: Notify,
}

#[derive(Default)]
struct Inner {
    known: Known,
    /// Namespaces that have been listed, or that are known to have no exceptions.
    listed: HashSet<String>,
    wanted: Option<BTreeSet<String>>,
}

impl Store {
    /// An empty store, and the task that fills it and never ends. The task calls `settings` every second.
    pub fn new(
        client: Client,
        settings: impl Fn() -> ExceptionSettings + Send + Sync + 'static,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let store = Arc::new(Self::default());
        let following = Arc::clone(&store);
        (store, async move {
            tokio::join!(following.follow(client, settings), following.compile());
        })
    }

    /// The exceptions in force. Read them once per request, so that the same ones apply to all of it.
    pub fn current(&self) -> Arc<Exceptions> {
        self.current.load_full()
    }

    /// Whether all configured namespaces have been listed once. Before that, no exception applies.
    pub fn is_synced(&self) -> bool {
        let inner = self.lock();
        let is_listed =
            |wanted: &BTreeSet<String>| wanted.iter().all(|name| inner.listed.contains(name));
        inner.wanted.as_ref().is_some_and(is_listed)
    }

    /// Counts the exceptions. Does not compile anything; meant for occasional calls.
    pub fn census(&self, notice: Duration, now: SystemTime) -> Census {
        self.lock().known.census(notice, now)
    }

    /// Records how many workloads each exception covers, by `namespace/name`, as an audit counted them. A missing one
    /// covers none.
    pub fn counted(&self, covers: HashMap<String, u32>) {
        self.covers.store(Some(Arc::new(covers)));
    }

    /// The statuses that differ from those in the cluster.
    pub(super) fn untold(&self, now: SystemTime) -> Vec<(Key, PolicyExceptionStatus)> {
        let covers = self.covers.load();
        let count = |(namespace, name): &Key| {
            let counted = covers.as_ref()?.get(&format!("{namespace}/{name}"));
            Some(counted.copied().unwrap_or_default())
        };
        let inner = self.lock();
        let entries = inner.known.iter().filter_map(|(key, entry)| {
            let status = entry.status(count(key), now);
            (status != entry.told).then(|| (key.clone(), status))
        });
        entries.collect()
    }

    /// Records the status of an object.
    pub(super) fn told(&self, key: &Key, status: PolicyExceptionStatus) {
        self.lock().known.told(key, status);
    }

    /// Whether exceptions in a namespace apply. None before that is known.
    pub(super) fn honours(&self, namespace: &str) -> Option<bool> {
        Some(self.lock().wanted.as_ref()?.contains(namespace))
    }

    /// Whether exceptions apply in any namespace.
    pub(super) fn honours_any(&self) -> bool {
        self.lock().wanted.as_ref().is_some_and(|wanted| !wanted.is_empty())
    }

    /// Puts changes into force after a short delay.
    async fn compile(&self) {
        loop {
            self.changed.notified().await;
            let compiled = self.lock().known.compiled();
            self.current.store(Arc::new(compiled));
            sleep(APART).await;
        }
    }

    async fn follow(&self, client: Client, settings: impl Fn() -> ExceptionSettings) {
        loop {
            let wanted = settings();
            self.change(|inner| {
                inner.known.forget(|namespace| !wanted.namespaces.contains(namespace));
                inner.known.left_out = 0;
                inner.listed.retain(|namespace| wanted.namespaces.contains(namespace));
                inner.wanted = Some(wanted.namespaces.clone());
            });
            let all = wanted.namespaces.iter();
            let all =
                join_all(all.map(|name| self.follow_one(client.clone(), name, wanted.expiry)));
            let differs = async {
                while settings() == wanted {
                    sleep(LOOK).await;
                }
            };
            tokio::select! {
                _ = all => {}
                () = differs => {}
                () = self.room.notified() => sleep(LOOK).await,
            }
            if wanted.namespaces.is_empty() {
                sleep(LOOK).await;
            }
        }
    }

    /// Watches the exceptions of one namespace. Never returns.
    async fn follow_one(&self, client: Client, namespace: &str, expiry: Expiry) {
        let client = monitored(client, Arc::new(LastHeard::default()), SILENCE);
        let resource = resource();
        let api = Api::<DynamicObject>::namespaced_with(client, namespace, &resource);
        let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(list::PAGE);
        let mut events = pin!(watcher(api, config).default_backoff());
        let mut listed = Vec::new();
        let mut retrying = RetryLog::new(format!(
            "cannot watch PolicyExceptions in {namespace}: those that are known stay until they expire"
        ));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if !matches!(event, Event::Init) {
                        retrying.succeeded();
                    }
                    self.apply(event, namespace, expiry, &mut listed);
                }
                Err(error) if is_absent(&error) => {
                    tracing::debug!("the cluster does not know PolicyExceptions");
                    self.change(|inner| {
                        inner.known.forget(|known| known == namespace);
                        inner.listed.insert(namespace.to_owned());
                    });
                }
                Err(error) => retrying.failed(&watch_line(&error)),
            }
        }
    }

    /// A list replaces everything in its namespace, but only when it is complete.
    fn apply(
        &self,
        event: Event<DynamicObject>,
        namespace: &str,
        expiry: Expiry,
        listed: &mut Vec<(Key, Entry)>,
    ) {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                // Objects beyond the limits would be ignored anyway.
                let limits = Limits::default();
                if listed.len() < limits.exceptions.saturating_add(limits.names) {
                    listed.extend(Entry::read(&object, expiry));
                }
            }
            Event::InitDone => {
                let entries = std::mem::take(listed);
                tracing::info!(
                    namespace,
                    exceptions = entries.len(),
                    "PolicyExceptions are listed"
                );
                self.change(|inner| {
                    inner.known.replace(namespace, entries);
                    inner.listed.insert(namespace.to_owned());
                });
            }
            Event::Apply(object) => {
                if let Some(entry) = Entry::read(&object, expiry) {
                    self.change(|inner| inner.known.insert(entry));
                }
            }
            Event::Delete(object) => {
                let key = object.metadata.namespace.zip(object.metadata.name);
                let was_overfull = key.is_some_and(|key| {
                    self.change(|inner| {
                        inner.known.remove(&key);
                        inner.known.is_overfull()
                    })
                });
                if was_overfull {
                    self.room.notify_one();
                }
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_one();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the cluster does not serve the resource.
fn is_absent(error: &watcher::Error) -> bool {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code,
        watcher::Error::WatchError(status) => status.code,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => return false,
    };
    code == 404
}
