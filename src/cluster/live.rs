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

use super::{ApiError, Labels, Limits, bucket::Bucket, namespaces::policy_labels};

type Answer = Result<Arc<Labels>, ApiError>;
type Read = BoxFuture<'static, Answer>;
type Flights = Mutex<HashMap<String, WeakShared<Read>>>;

/// The reads in progress.
pub(super) struct Reads {
    api: Api<Namespace>,
    timeout: Duration,
    bucket: Bucket,
    flights: Arc<Flights>,
}

impl Reads {
    pub(super) fn new(client: Client, limits: Limits) -> Self {
        Self {
            api: Api::all(client),
            timeout: limits.read_timeout,
            bucket: Bucket::new(limits.reads_per_second, limits.reads_at_once, Instant::now()),
            flights: Arc::default(),
        }
    }

    /// Reads a namespace's labels, or joins a read in progress. The name must be a DNS-1123 label, because it becomes
    /// part of a path.
    pub(super) async fn namespace(&self, name: &str) -> Answer {
        self.flight(name)?.await
    }

    fn flight(&self, name: &str) -> Result<Shared<Read>, ApiError> {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(name).and_then(WeakShared::upgrade) {
            return Ok(flight);
        }
        if !self.bucket.take(1.0, Instant::now()) {
            return Err(ApiError::RateLimited);
        }
        let flight = self.read(name).boxed().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(name.to_owned(), weak);
        }
        Ok(flight)
    }

    fn read(&self, name: &str) -> impl Future<Output = Answer> + Send + 'static {
        let api = self.api.clone();
        let limit = self.timeout;
        let landing = Landing { flights: Arc::clone(&self.flights), name: name.to_owned() };
        async move {
            let read = timeout(limit, api.get_metadata(&landing.name)).await;
            let namespace = read.map_err(|_| ApiError::Timeout)??;
            let labels = namespace.metadata.labels.unwrap_or_default();
            Ok(Arc::new(policy_labels(labels)))
        }
    }
}

/// Removes a read when it ends, even if all its callers have been cancelled.
struct Landing {
    flights: Arc<Flights>,
    name: String,
}

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.name);
    }
}

fn lock(flights: &Flights) -> MutexGuard<'_, HashMap<String, WeakShared<Read>>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}
