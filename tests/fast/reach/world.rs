//! An API server and a folder with kubeconfigs for it.

use std::path::PathBuf;

use serde_json::Value;

use crate::{reach::apiserver::ApiServer, support::process::Folder};

/// Both end when dropped.
pub(crate) struct World {
    pub(crate) folder: Folder,
    pub(crate) api: ApiServer,
}

impl World {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let api = ApiServer::start(&folder);
        Self { folder, api }
    }

    /// A kubeconfig with these fields of the cluster and of the user.
    pub(crate) fn kubeconfig(&self, cluster: &Value, user: &Value) -> PathBuf {
        self.folder.write("kubeconfig", self.api.kubeconfig(cluster, user).to_string())
    }
}
