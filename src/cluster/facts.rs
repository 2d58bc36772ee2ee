//! The facts of a cluster that affect verdicts on manifests, read once for offline checks.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Client, core::PartialObjectMeta};

use policy::pss::{Minor, NEWEST};

use super::{
    pages::{Detail, Query, for_each},
    version,
};

/// The facts of a cluster that affect verdicts.
#[derive(Clone, Debug)]
pub struct ClusterFacts {
    /// The policy labels of each namespace.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// The version that `latest` stands for.
    pub newest: Minor,
}

impl ClusterFacts {
    /// Reads the facts. The caller needs the right to list namespaces.
    ///
    /// # Errors
    /// What could not be read, and why. One line.
    pub async fn read(client: &Client) -> Result<Self, String> {
        let newest = version::read(client).await;
        let newest = newest.map_err(|why| format!("cannot read the cluster's version: {why}"))?;
        let query = Query::new("/api/v1/namespaces", Detail::Metadata);
        let mut namespaces = BTreeMap::new();
        let listed = for_each(client, query, |json| {
            let namespace: PartialObjectMeta<Namespace> = serde_json::from_str(json)?;
            let mut labels = namespace.metadata.labels.unwrap_or_default();
            labels.retain(|key, _| policy::config::is_read(key));
            namespaces.insert(namespace.metadata.name.unwrap_or_default(), labels);
            Ok(())
        });
        listed.await.map_err(|error| format!("cannot list namespaces: {error}"))?;
        Ok(Self { namespaces, newest: newest.min(NEWEST) })
    }
}
