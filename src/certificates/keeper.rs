//! What keeps a replica's certificate: its settings, its status, and the task that follows what it goes by.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use kube::{Api, Client};
use tokio::sync::{Notify, watch};

use crate::server::Identity;

use super::{
    bundle::{Configuration, Kind},
    follow::Followed,
    plan::Lifetimes,
    turns::Turns,
};

/// The label of a Secret that is ours to write to, and its value.
pub const LABEL: (&str, &str) = ("portcullis.dev/certificates", "self");

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the Service and the Secret.
    pub namespace: String,
    /// The Service through which the API server calls: `<service>.<namespace>.svc` is in the certificate.
    pub service: String,
    /// The Secret that holds the authorities. It must be there, labelled [`LABEL`], and may be empty.
    pub secret: String,
    /// The ValidatingWebhookConfiguration, if there is one.
    pub validating: Option<String>,
    /// The MutatingWebhookConfiguration, if there is one.
    pub mutating: Option<String>,
    /// How long things last.
    pub lifetimes: Lifetimes,
}

/// For metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// When the authority that signs now expires.
    pub ca_until: Option<SystemTime>,
    /// Whether every webhook trusts the issuer of the certificate that is shown.
    pub is_trusted: bool,
}

/// Keeps this replica's certificate, and where it leads, the authorities and the trust in them.
pub struct Keeper {
    pub(super) settings: Settings,
    client: Client,
    pub(super) identity: Arc<Identity>,
    is_leader: watch::Receiver<bool>,
    status: Mutex<Status>,
}

impl Keeper {
    /// One that puts what it signs into `identity`. It does nothing before it is [`run`](Self::run).
    pub fn new(
        client: Client,
        settings: Settings,
        identity: Arc<Identity>,
        is_leader: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let status = Mutex::default();
        Arc::new(Self { settings, client, identity, is_leader, status })
    }

    /// Whether this replica is the one that writes.
    pub fn leads(&self) -> bool {
        *self.is_leader.borrow()
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never ends.
    pub async fn run(self: Arc<Self>) {
        let secrets = Api::namespaced(self.client.clone(), &self.settings.namespace);
        let configurations: Vec<Configuration> = [
            (Kind::Validating, &self.settings.validating),
            (Kind::Mutating, &self.settings.mutating),
        ]
        .into_iter()
        .filter_map(|(kind, name)| {
            Some(Configuration::new(self.client.clone(), kind, name.as_deref()?))
        })
        .collect();
        let secret = Followed::new(secrets, &self.settings.secret);
        let bell = Notify::new();
        let mut turns = Turns::new(&self, &secret, &configurations);
        let configurations = configurations.iter().map(|it| it.follow(&bell));
        tokio::join!(
            secret.follow(&bell),
            futures::future::join_all(configurations),
            turns.take(self.is_leader.clone(), &bell),
        );
    }

    pub(super) fn set_status(&self, status: Status) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}
