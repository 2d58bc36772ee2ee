//! Follows one object of the API server by `get` and a `watch` on its name. `list` would need a right over all objects
//! of the kind, which Portcullis does not request.

use std::{fmt, pin::pin, time::Duration};

use futures::TryStreamExt as _;
use kube::{
    Api, Resource, ResourceExt,
    api::{PostParams, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use crate::cluster::{RetryLog, one_line};

/// The last known state of an object.
#[derive(Clone, Debug)]
pub(super) enum Observed<K> {
    /// It has not been read yet, for this reason. One line.
    Unknown(String),
    Absent,
    Present(K),
}

/// The object is read again this often, because a watch can die silently.
const REREAD: Duration = Duration::from_secs(30);
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);
/// Minimum time between watches, in case the server ends each at once.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Followed<K> {
    api: Api<K>,
    name: String,
    seen: watch::Sender<Observed<K>>,
}

impl<K> Followed<K>
where
    K: Resource + Clone + DeserializeOwned + fmt::Debug,
{
    pub(super) fn new(api: Api<K>, name: &str) -> Self {
        let unread = Observed::Unknown("not read yet".to_owned());
        Self { api, name: name.to_owned(), seen: watch::Sender::new(unread) }
    }

    pub(super) fn seen(&self) -> watch::Ref<'_, Observed<K>> {
        self.seen.borrow()
    }

    /// Keeps the copy up to date, and notifies `changed` of every change. If reads fail, the last copy stays. Never
    /// returns.
    pub(super) async fn follow(&self, changed: &Notify) {
        let mut retrying = RetryLog::new(format!("cannot follow {}", self.name));
        loop {
            match self.once(changed).await {
                Ok(()) => {
                    retrying.succeeded();
                    sleep(PAUSE).await;
                }
                Err(error) => {
                    let error = one_line(&error);
                    retrying.failed(&error);
                    if matches!(*self.seen(), Observed::Unknown(_)) {
                        self.show(Observed::Unknown(error), changed);
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Replaces the object; fails with code 409 if it has changed since it was read.
    pub(super) async fn replace(&self, object: &K) -> kube::Result<()>
    where
        K: serde::Serialize,
    {
        self.api.replace(&self.name, &PostParams::default(), object).await.map(drop)
    }

    fn show(&self, seen: Observed<K>, changed: &Notify) {
        self.seen.send_replace(seen);
        changed.notify_one();
    }

    /// Reads the object, then watches it until the next read is due.
    async fn once(&self, changed: &Notify) -> kube::Result<()> {
        let Ok(read) = timeout(READ_TIMEOUT, self.api.get_opt(&self.name)).await else {
            return Ok(());
        };
        let object = read?;
        let version = object.as_ref().and_then(ResourceExt::resource_version).unwrap_or_default();
        self.show(object.map_or(Observed::Absent, Observed::Present), changed);

        let seconds = u32::try_from(REREAD.as_secs()).unwrap_or(u32::MAX);
        let only = format!("metadata.name={}", self.name);
        let params = WatchParams::default().fields(&only).timeout(seconds);
        let watching = async {
            let mut events = pin!(self.api.watch(&params, &version).await?);
            while let Some(event) = events.try_next().await? {
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                        self.show(Observed::Present(object), changed);
                    }
                    WatchEvent::Deleted(_) => self.show(Observed::Absent, changed),
                    WatchEvent::Bookmark(_) => {}
                    // The resource version is too old for a watch: read again.
                    WatchEvent::Error(status) if status.code == 410 => return Ok(()),
                    WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
                }
            }
            Ok(())
        };
        timeout(REREAD + READ_TIMEOUT, watching).await.unwrap_or(Ok(()))
    }
}
