//! Reads from the API server: the labels of namespaces, the pods of one, and the server's version. Judges nothing, and
//! writes only the Lease of `leader`.

mod client;
mod connect;
mod credentials;
mod error;
mod exec;
mod facts;
mod kubeconfig;
pub(crate) mod leader;
mod live;
mod namespaces;
mod no_proxy;
mod pages;
mod pods;
mod proxy;
mod request;
mod retry_log;
mod route;
#[cfg(test)]
mod tests;
mod token_bucket;
mod version;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use kube::Client;

use policy::{dns, pss::Minor};

pub use connect::{ConnectError, connect, connect_like_kubectl};
pub use error::ApiError;
pub(crate) use error::{bounded, one_line, watch_line};
pub use facts::ClusterFacts;
pub use namespaces::CacheState;
pub(crate) use namespaces::{LastHeard, WATCH_SECONDS, monitored};
pub use pages::Discontinuity;
pub(crate) use pages::{Detail, PAGE, Page, Pages, Query, for_each};
pub use pods::{Following, PodLists, PodPage, PodPages};
pub(crate) use request::{get, send};
pub(crate) use retry_log::RetryLog;
pub(crate) use version::read as read_version;

/// The policy labels of a namespace; others are dropped.
pub type Labels = BTreeMap<String, String>;

/// Limits on requests to the API server. Untrusted clients can reach the webhook's port, and must not be able to flood
/// the API server through it.
#[derive(Clone, Copy, Debug)]
struct RequestLimits {
    /// Maximum silence of the API server while namespaces are listed or watched.
    silence: Duration,
    read_timeout: Duration,
    reads_per_second: f64,
    reads_at_once: f64,
    /// Maximum number of concurrent lists of pods, with at most one per peer.
    pod_lists: usize,
    pod_bytes_per_second: f64,
    /// Burst of listed pods, in bytes: enough to change all labels of a large cluster one after the other.
    pod_bytes_at_once: f64,
}

impl Default for RequestLimits {
    fn default() -> Self {
        const MIB: f64 = 1024.0 * 1024.0;
        Self {
            silence: Duration::from_secs(u64::from(WATCH_SECONDS) + 3),
            read_timeout: Duration::from_secs(3),
            reads_per_second: 50.0,
            reads_at_once: 100.0,
            pod_lists: 2,
            pod_bytes_per_second: 4.0 * MIB,
            pod_bytes_at_once: 256.0 * MIB,
        }
    }
}

/// The state of a cluster as far as it is known.
pub struct Cluster {
    namespaces: namespaces::Cache,
    live: live::Reads,
    /// Lists the pods of its namespaces.
    pub pods: PodLists,
    version: version::Latest,
}

impl Cluster {
    /// Returns an unsynced cluster, and the task that watches its namespaces and polls its version. The task never
    /// ends.
    pub fn new(client: Client) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        Self::with_limits(client, RequestLimits::default())
    }

    fn with_limits(
        client: Client,
        limits: RequestLimits,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let cluster = Arc::new(Self {
            namespaces: namespaces::Cache::default(),
            live: live::Reads::new(client.clone(), limits),
            pods: PodLists::new(client.clone(), limits),
            version: version::Latest::default(),
        });
        let following = Arc::clone(&cluster);
        let task = async move {
            tokio::join!(
                following.namespaces.follow(client.clone(), limits),
                following.version.follow(client),
            );
        };
        (cluster, task)
    }

    /// The policy labels of a namespace, if cached.
    pub fn cached(&self, name: &str) -> Option<Arc<Labels>> {
        self.namespaces.get(name)
    }

    /// The policy labels of a namespace, from the cache or by a live read. Absence is never cached.
    ///
    /// # Errors
    /// The namespace is absent, or the API server could not be asked. Neither says anything about its policy.
    pub async fn namespace(&self, name: &str) -> Result<Arc<Labels>, ApiError> {
        if let Some(labels) = self.cached(name) {
            return Ok(labels);
        }
        // No namespace can have this name, and in a path it could mean something else.
        if !dns::is_label(name) {
            return Err(ApiError::NotFound);
        }
        self.live.namespace(name).await
    }

    /// Whether all namespaces have been listed once.
    pub fn is_synced(&self) -> bool {
        self.namespaces.state().synced
    }

    /// A counter that grows when the policy labels of a namespace change.
    pub fn relabelled(&self) -> u64 {
        self.namespaces.relabelled()
    }

    /// The state of the namespace cache.
    pub fn cache(&self) -> CacheState {
        self.namespaces.state()
    }

    /// The version that `latest` stands for: the newest that this build knows, capped at the cluster's version once
    /// that is known.
    pub fn newest(&self) -> Minor {
        self.version.newest()
    }
}
