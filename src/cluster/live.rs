//! Live reads of namespaces: one at a time per namespace, rate-limited in total.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::time::{Instant, timeout};

use super::{
    ApiError, Labels, RequestLimits, namespaces::policy_labels, token_bucket::TokenBucket,
};

type Answer = Result<Arc<Labels>, ApiError>;
type Read = BoxFuture<'static, Answer>;
type Ongoing = Mutex<HashMap<String, WeakShared<Read>>>;

pub(super) struct Reads {
    api: Api<Namespace>,
    timeout: Duration,
    bucket: TokenBucket,
    ongoing: Arc<Ongoing>,
}

impl Reads {
    pub(super) fn new(client: Client, limits: RequestLimits) -> Self {
        Self {
            api: Api::all(client),
            timeout: limits.read_timeout,
            bucket: TokenBucket::new(limits.reads_per_second, limits.reads_at_once, Instant::now()),
            ongoing: Arc::default(),
        }
    }

    /// Reads a namespace's labels, or joins a read in progress. The name must be a DNS-1123 label, because it becomes
    /// part of a path.
    pub(super) async fn namespace(&self, name: &str) -> Answer {
        self.shared_read(name)?.await
    }

    fn shared_read(&self, name: &str) -> Result<Shared<Read>, ApiError> {
        let mut ongoing = lock(&self.ongoing);
        if let Some(shared_read) = ongoing.get(name).and_then(WeakShared::upgrade) {
            return Ok(shared_read);
        }
        if !self.bucket.take(1.0, Instant::now()) {
            return Err(ApiError::RateLimited);
        }
        let shared_read = self.read(name).boxed().shared();
        if let Some(weak) = shared_read.downgrade() {
            ongoing.insert(name.to_owned(), weak);
        }
        Ok(shared_read)
    }

    fn read(&self, name: &str) -> impl Future<Output = Answer> + Send + 'static {
        let api = self.api.clone();
        let limit = self.timeout;
        let removal = RemoveOnDrop { ongoing: Arc::clone(&self.ongoing), name: name.to_owned() };
        async move {
            let read = timeout(limit, api.get_metadata(&removal.name)).await;
            let namespace = read.map_err(|_| ApiError::Timeout)??;
            let labels = namespace.metadata.labels.unwrap_or_default();
            Ok(Arc::new(policy_labels(labels)))
        }
    }
}

/// Removes a read when it ends, even if all its callers have been cancelled.
struct RemoveOnDrop {
    ongoing: Arc<Ongoing>,
    name: String,
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        lock(&self.ongoing).remove(&self.name);
    }
}

fn lock(ongoing: &Ongoing) -> MutexGuard<'_, HashMap<String, WeakShared<Read>>> {
    ongoing.lock().unwrap_or_else(PoisonError::into_inner)
}
