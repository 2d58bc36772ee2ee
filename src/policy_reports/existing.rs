//! The existing reports that Portcullis wrote: the name of each, and the hash of its content.

use std::collections::{BTreeMap, HashMap};

use kube::Client;
use serde::Deserialize;

use crate::cluster::{ApiError, Detail, Pages, Query};

use super::{
    MANAGED_BY, US,
    api::Api,
    report::{HASH, is_ours},
};

/// Reports that this round has not confirmed yet.
#[derive(Debug, Default)]
pub(super) struct ExistingReports {
    namespaces: HashMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

impl ExistingReports {
    /// Lists at most `most` reports. One that is left out counts as absent: it is written again, which the API server
    /// recognises as no change.
    pub(super) async fn list(client: &Client, api: Api, most: usize) -> Result<Self, ApiError> {
        let all = Query::new(api.everywhere(), Detail::Metadata);
        let query = Query { selector: Some(format!("{MANAGED_BY}={US}")), ..all };
        let mut existing = Self::default();
        let mut count = 0;
        let mut pages = Pages::new(client, query);
        while count < most
            && let Some(page) = pages.next().await
        {
            let (page, _) = page?;
            for json in page.items() {
                let object: Object = serde_json::from_str(json)
                    .map_err(|error| ApiError::unreadable("an object in the list", &error))?;
                existing.insert(object.metadata);
                count += 1;
            }
        }
        Ok(existing)
    }

    fn insert(&mut self, mut metadata: Metadata) {
        // Anyone may set the label on any object, so check the name too.
        if !is_ours(&metadata.name) {
            return;
        }
        let hash = metadata.annotations.remove(HASH).unwrap_or_default();
        self.namespaces.entry(metadata.namespace).or_default().insert(metadata.name, hash);
    }

    /// The hash of a report, if it exists. Removes it from the set.
    pub(super) fn take(&mut self, namespace: &str, name: &str) -> Option<String> {
        self.namespaces.get_mut(namespace)?.remove(name)
    }

    /// Unconfirmed reports of one namespace. Removes them from the set.
    pub(super) fn rest(&mut self, namespace: &str) -> impl Iterator<Item = String> + use<> {
        self.namespaces.remove(namespace).unwrap_or_default().into_keys()
    }

    /// Unconfirmed reports of all namespaces.
    pub(super) fn all(self) -> impl Iterator<Item = (String, String)> {
        self.namespaces.into_iter().flat_map(|(namespace, names)| {
            names.into_keys().map(move |name| (namespace.clone(), name))
        })
    }
}
