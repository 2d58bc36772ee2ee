//! The flags of leader election.

use std::future::Future;

use clap::Args;
use kube::Client;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    cluster::leader,
    server::{Shutdown, Stage},
};

#[derive(Args, Debug)]
pub(super) struct Election {
    /// Name of the Lease that elects the replica that writes to the cluster
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_LEASE", default_value = "portcullis")]
    lease: String,

    /// Namespace of the Secret, the Service and the Lease [default: $POD_NAMESPACE, else that of the service account]
    #[arg(long, value_name = "NAMESPACE", env = "PORTCULLIS_NAMESPACE")]
    namespace: Option<String>,

    /// Unique name of this replica [default: $POD_NAME, else the host name and the process id]
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_IDENTITY")]
    identity: Option<String>,
}

impl Election {
    /// Takes part in the election until the server stops.
    pub(super) fn start(
        &self,
        client: &Client,
        stop: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) -> watch::Receiver<bool> {
        let settings = leader::ElectionSettings {
            namespace: self.namespace(client),
            lease: self.lease.clone(),
            identity: self.identity(),
        };
        let (leads, electing) = leader::elect(client.clone(), settings, stopping(stop));
        tasks.spawn(electing);
        leads
    }

    /// The unique name of this replica.
    pub(super) fn identity(&self) -> String {
        self.identity.clone().or_else(|| variable("POD_NAME")).unwrap_or_else(host_name)
    }

    /// The namespace of the Secret, the Service and the Lease.
    pub(super) fn namespace(&self, client: &Client) -> String {
        self.namespace
            .clone()
            .or_else(|| variable("POD_NAMESPACE"))
            .unwrap_or_else(|| client.default_namespace().to_owned())
    }
}

/// Completes when the server begins to stop.
pub(super) fn stopping(stop: &Shutdown) -> impl Future<Output = ()> + Send + 'static {
    let mut stop = stop.clone();
    async move {
        while stop.stage() == Stage::Serving {
            stop.changed().await;
        }
    }
}

/// An environment variable, which manifests usually set from the downward API.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// In a pod, the host name is the name of the pod. The process id distinguishes replicas on one host without pods.
fn host_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}
