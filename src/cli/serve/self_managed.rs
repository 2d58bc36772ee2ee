//! The flags of self-managed certificates.

use std::{sync::Arc, time::Duration};

use clap::Args;
use kube::Client;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    certificates::{self, CertificateManager, Lifetimes},
    server::Identity,
};

#[derive(Args, Debug)]
pub(super) struct SelfManaged {
    /// Manage the certificates without other tools: name of the Secret for the CA, labelled
    /// portcullis.dev/certificates=self
    #[arg(
        long,
        value_name = "NAME",
        env = "PORTCULLIS_CA_SECRET",
        conflicts_with_all = ["tls_cert_file", "standalone"],
        requires = "service"
    )]
    ca_secret: Option<String>,

    /// Service that the API server calls; certificates are issued for SERVICE.NAMESPACE.svc
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_SERVICE")]
    service: Option<String>,

    /// ValidatingWebhookConfiguration to keep the caBundle of
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_VALIDATING_WEBHOOK")]
    validating_webhook: Option<String>,

    /// MutatingWebhookConfiguration to keep the caBundle of
    #[arg(long, value_name = "NAME", env = "PORTCULLIS_MUTATING_WEBHOOK")]
    mutating_webhook: Option<String>,

    /// Validity of a CA, such as 8760h, 90m or 30s; each CA signs certificates for a third of it
    #[arg(long, value_name = "DURATION", env = "PORTCULLIS_CA_LIFETIME", default_value = "8760h", value_parser = duration)]
    ca_lifetime: Duration,

    /// Validity of the certificate of a replica; it is renewed after two thirds
    #[arg(long, value_name = "DURATION", env = "PORTCULLIS_LEAF_LIFETIME", default_value = "168h", value_parser = duration)]
    leaf_lifetime: Duration,

    /// Minimum time that a CA is in all caBundles before it signs
    #[arg(long, value_name = "DURATION", env = "PORTCULLIS_CA_PUBLISH", default_value = "10m", value_parser = duration)]
    ca_publish: Duration,
}

impl SelfManaged {
    pub(super) fn is_enabled(&self) -> bool {
        self.ca_secret.is_some()
    }

    /// Starts the certificate manager, if enabled.
    ///
    /// # Errors
    /// The lifetimes contradict each other.
    pub(super) fn start(
        &self,
        client: &Client,
        identity: &Arc<Identity>,
        (namespace, leads): (String, watch::Receiver<bool>),
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<Option<Arc<CertificateManager>>> {
        let (Some(secret), Some(service)) = (&self.ca_secret, &self.service) else {
            return Ok(None);
        };
        let lifetimes = Lifetimes::new(self.ca_lifetime, self.leaf_lifetime, self.ca_publish)?;
        let settings = certificates::CertificateSettings {
            namespace,
            service: service.clone(),
            secret: secret.clone(),
            validating: self.validating_webhook.clone(),
            mutating: self.mutating_webhook.clone(),
            lifetimes,
        };
        let manager =
            CertificateManager::new(client.clone(), settings, Arc::clone(identity), leads);
        tasks.spawn(Arc::clone(&manager).run());
        Ok(Some(manager))
    }
}

/// Parses a duration as Go writes it: `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    parsed
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or("must be a duration such as 8760h, 90m or 30s")
}
