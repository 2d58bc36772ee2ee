//! The manager of a replica's certificate: its settings, its status, and the task that follows the objects it depends
//! on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::{Api, Client};
use tokio::sync::{Notify, watch};

use crate::server::Identity;

use super::{
    bundle::WatchedConfiguration, follow::Followed, plan::Lifetimes, reconciler::Reconciler,
};

/// The label that a Secret must have before Portcullis writes to it, and its value.
pub(crate) const LABEL: (&str, &str) = ("portcullis.dev/certificates", "self");

#[derive(Clone, Debug)]
pub(crate) struct CertificateSettings {
    pub(crate) namespace: String,
    /// The Service that the API server calls: `<service>.<namespace>.svc` is in the certificate.
    pub(crate) service: String,
    /// The Secret for the authorities. It must exist with the label [`LABEL`], and may be empty.
    pub(crate) secret: String,
    pub(crate) validating: Option<String>,
    pub(crate) mutating: Option<String>,
    pub(crate) lifetimes: Lifetimes,
}

/// The manager's status, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CertificateStatus {
    pub(crate) ca_until: Option<SystemTime>,
    /// Whether every webhook trusts the issuer of the served certificate.
    pub(crate) is_trusted: bool,
}

/// Keeps this replica's certificate valid. On the leader, also manages the authorities and the `caBundle`s.
pub(crate) struct CertificateManager {
    pub(super) settings: CertificateSettings,
    client: Client,
    pub(super) identity: Arc<Identity>,
    is_leader: watch::Receiver<bool>,
    status: Mutex<CertificateStatus>,
}

impl CertificateManager {
    /// A manager that stores signed certificates in `identity`. It does nothing until [`run`](Self::run) is called.
    pub(crate) fn new(
        client: Client,
        settings: CertificateSettings,
        identity: Arc<Identity>,
        is_leader: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let status = Mutex::default();
        Arc::new(Self { settings, client, identity, is_leader, status })
    }

    pub(crate) fn status(&self) -> CertificateStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the objects and keeps the certificate. Never returns.
    pub(crate) async fn run(self: Arc<Self>) {
        let secrets = Api::namespaced(self.client.clone(), &self.settings.namespace);
        let client = || self.client.clone();
        let CertificateSettings { validating, mutating, .. } = &self.settings;
        let validating = validating.iter().map(|name| {
            WatchedConfiguration::new::<ValidatingWebhookConfiguration>(client(), name)
        });
        let mutating = mutating
            .iter()
            .map(|name| WatchedConfiguration::new::<MutatingWebhookConfiguration>(client(), name));
        let configurations: Vec<_> = validating.chain(mutating).collect();
        let secret = Followed::new(secrets, &self.settings.secret);
        let changed = Notify::new();
        let mut reconciler = Reconciler::new(&self, &secret, &configurations);
        let configurations = configurations.iter().map(|it| it.follow(&changed));
        tokio::join!(
            secret.follow(&changed),
            futures::future::join_all(configurations),
            reconciler.run(self.is_leader.clone(), &changed),
        );
    }

    pub(super) fn set_status(&self, status: CertificateStatus) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}
