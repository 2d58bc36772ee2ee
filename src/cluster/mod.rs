//! What is read from the API server: the labels of namespaces, the pods of one, and the server's version.
//! It writes nothing there, and judges nothing.

mod bucket;
mod client;
mod connect;
mod credentials;
mod error;
mod exec;
mod kubeconfig;
mod list;
mod live;
mod namespaces;
mod no_proxy;
mod pods;
mod proxy;
mod retrying;
mod surroundings;
#[cfg(test)]
mod tests;
mod version;
mod way;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use kube::Client;

use crate::{dns, pss::Minor};

pub use connect::{ConnectError, connect, connect_like_kubectl};
pub use error::LookupError;
pub(crate) use error::{bounded, one_line, watch_line};
pub(crate) use list::{List, Next};
pub use namespaces::CacheState;
pub(crate) use namespaces::{Heard, WATCH_SECONDS, overheard};
pub use pods::{Following, PodLists, PodPage, PodPages};
pub(crate) use retrying::Retrying;
pub use surroundings::Surroundings;
pub(crate) use version::minor_version;

/// The labels of a namespace that a policy is made of; others are not kept.
pub type Labels = BTreeMap<String, String>;

/// How much is asked of the API server. Untrusted clients reach the webhook's port too, and must not
/// reach the API server through it as often as they please.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// How long the API server may send nothing while namespaces are listed or watched.
    silence: Duration,
    /// How long a live read of a namespace may take.
    read_timeout: Duration,
    /// Live reads of namespaces that are always allowed, per second.
    reads_per_second: f64,
    /// And at once, after a quiet time.
    reads_at_once: f64,
    /// Lists of pods at the same time, one of them for each peer.
    pod_lists: usize,
    /// Bytes of lists of pods that are always allowed, per second.
    pod_bytes_per_second: f64,
    /// And at once, after a quiet time: all labels of a large cluster changed one after the other.
    pod_bytes_at_once: f64,
}

impl Default for Limits {
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

/// A cluster, as far as it is known.
pub struct Cluster {
    namespaces: namespaces::Cache,
    live: live::Reads,
    /// The pods of its namespaces.
    pub pods: PodLists,
    version: version::Known,
}

impl Cluster {
    /// A cluster of which nothing is known yet, and the task that gets to know it: it watches the namespaces
    /// and reads the version now and then, and never ends by itself.
    pub fn new(client: Client) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        Self::with_limits(client, Limits::default())
    }

    fn with_limits(
        client: Client,
        limits: Limits,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let cluster = Arc::new(Self {
            namespaces: namespaces::Cache::default(),
            live: live::Reads::new(client.clone(), limits),
            pods: PodLists::new(client.clone(), limits),
            version: version::Known::default(),
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

    /// The policy labels of a namespace, if the cache has it.
    pub fn cached(&self, name: &str) -> Option<Arc<Labels>> {
        self.namespaces.get(name)
    }

    /// The policy labels of a namespace: from the cache, or read live if it is not there. That one is absent
    /// is never remembered.
    ///
    /// # Errors
    /// The namespace is absent, or the API server could not be asked. Neither says anything about its policy.
    pub async fn namespace(&self, name: &str) -> Result<Arc<Labels>, LookupError> {
        if let Some(labels) = self.cached(name) {
            return Ok(labels);
        }
        // No such namespace can be, and in a path it could mean something else.
        if !dns::is_label(name) {
            return Err(LookupError::NotFound);
        }
        self.live.namespace(name).await
    }

    /// Whether all namespaces have been listed once.
    pub fn is_synced(&self) -> bool {
        self.namespaces.state().synced
    }

    /// A number that grows when the policy labels of a namespace change.
    pub fn relabelled(&self) -> u64 {
        self.namespaces.relabelled()
    }

    /// The state of the cache of namespaces.
    pub fn cache(&self) -> CacheState {
        self.namespaces.state()
    }

    /// What `latest` means: the newest version that the build knows, capped at the cluster's own once that
    /// is known.
    pub fn newest(&self) -> Minor {
        self.version.newest()
    }
}
