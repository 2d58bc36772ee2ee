//! The reports of ours that there are: of each its name and what it says, as a hash.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
};

use kube::Client;
use serde::Deserialize;

use crate::audit::{Form, List, Query, Refusal};

use super::{
    MANAGED_BY, US,
    api::Api,
    report::{HASH, is_ours},
};

/// Metadata is short.
const PAGE: NonZeroU32 = NonZeroU32::new(500).expect("500 is not 0");

/// Those that were not seen to be right yet.
#[derive(Debug, Default)]
pub(super) struct Known {
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

impl Known {
    /// Lists them, at most so many. One that is left out is taken for absent: it is then written once more, and the
    /// API server sees that nothing of it changes.
    pub(super) async fn list(client: &Client, api: Api, most: usize) -> Result<Self, Refusal> {
        let query = Query {
            path: api.everywhere(),
            selector: Some(format!("{MANAGED_BY}={US}")),
            form: Form::Metadata,
            page: PAGE,
        };
        let mut known = Self::default();
        let mut count = 0;
        let mut list = List::new(client, query);
        while count < most
            && let Some(page) = list.next().await
        {
            let (page, _) = page?;
            for json in page.items() {
                let object: Object = serde_json::from_str(json)
                    .map_err(|error| Refusal::Failed(error.to_string()))?;
                known.insert(object.metadata);
                count += 1;
            }
        }
        Ok(known)
    }

    fn insert(&mut self, mut metadata: Metadata) {
        // The label alone anyone may set on anything.
        if !is_ours(&metadata.name) {
            return;
        }
        let hash = metadata.annotations.remove(HASH).unwrap_or_default();
        self.namespaces.entry(metadata.namespace).or_default().insert(metadata.name, hash);
    }

    /// The hash of one, if it is there: it is accounted for then.
    pub(super) fn take(&mut self, namespace: &str, name: &str) -> Option<String> {
        self.namespaces.get_mut(namespace)?.remove(name)
    }

    /// Those of a namespace that nothing accounts for.
    pub(super) fn rest(&mut self, namespace: &str) -> impl Iterator<Item = String> + use<> {
        self.namespaces.remove(namespace).unwrap_or_default().into_keys()
    }

    /// Those of all namespaces.
    pub(super) fn all(self) -> impl Iterator<Item = (String, String)> {
        self.namespaces.into_iter().flat_map(|(namespace, names)| {
            names.into_keys().map(move |name| (namespace.clone(), name))
        })
    }
}
