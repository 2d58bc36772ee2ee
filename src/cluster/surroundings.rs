//! The facts of a cluster that affect verdicts on manifests, read once for offline checks.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, api::ListParams};

use crate::{
    policy,
    pss::{Minor, NEWEST},
};

use super::{error::one_line, version};

/// Namespaces per page.
const PAGE: u32 = 500;

/// The facts of a cluster that affect verdicts.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The policy labels of each namespace.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// The version that `latest` stands for.
    pub newest: Minor,
}

impl Surroundings {
    /// Reads the facts. The caller needs the right to list namespaces.
    ///
    /// # Errors
    /// What could not be read, and why. One line.
    pub async fn read(client: &Client) -> Result<Self, String> {
        let newest = version::read(client).await;
        let newest = newest.map_err(|why| format!("cannot read the cluster's version: {why}"))?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let mut known = BTreeMap::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = namespaces.list_metadata(&page).await;
            let list =
                list.map_err(|error| format!("cannot list namespaces: {}", one_line(&error)))?;
            for namespace in list.items {
                let mut labels = namespace.metadata.labels.unwrap_or_default();
                labels.retain(|key, _| policy::is_read(key));
                known.insert(namespace.metadata.name.unwrap_or_default(), labels);
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(Self { namespaces: known, newest: newest.min(NEWEST) }),
            }
        }
    }
}
