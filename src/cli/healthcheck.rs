//! The flags of `healthcheck`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    cluster, dns,
    healthcheck::{self, Plan},
};

use super::Exit;

/// As `helm test` runs it.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("configurations").required(true).multiple(true))]
pub(super) struct Flags {
    /// The webhook's Service
    #[arg(long, value_name = "NAME", value_parser = label)]
    service: String,

    /// The namespace of the Service; the reviews are about pods there
    #[arg(long, value_name = "NAMESPACE", value_parser = label)]
    namespace: String,

    /// The ValidatingWebhookConfiguration, whose caBundle is trusted for /validate
    #[arg(long, value_name = "NAME", group = "configurations", value_parser = super::object_name)]
    validating_webhook: Option<String>,

    /// The MutatingWebhookConfiguration, whose caBundle is trusted for /mutate
    #[arg(long, value_name = "NAME", group = "configurations", value_parser = super::object_name)]
    mutating_webhook: Option<String>,

    /// What to dial in place of the Service's name and port; what is trusted and asked for stays the same
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,

    /// What to show to a server that asks for a client certificate, PEM, own certificate first
    #[arg(long, value_name = "FILE", requires = "client_key_file")]
    client_cert_file: Option<PathBuf>,

    /// The client certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "client_cert_file")]
    client_key_file: Option<PathBuf>,

    /// How to reach the API server; without it, as a pod in the cluster
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// How long each step may take, in seconds; a caBundle that is not there yet is waited for that long
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// Checks, and says a line for each step.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    // kube takes its TLS provider from the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let is_well = runtime.block_on(async {
        let client = cluster::connect(flags.kubeconfig.as_deref()).await?;
        anyhow::Ok(healthcheck::run(&client, &flags.plan()).await)
    });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    Ok(if is_well? { Exit::Clean } else { Exit::Findings })
}

impl Flags {
    fn plan(&self) -> Plan {
        Plan {
            service: self.service.clone(),
            namespace: self.namespace.clone(),
            validating: self.validating_webhook.clone(),
            mutating: self.mutating_webhook.clone(),
            address: self.address.clone(),
            client: self.client_cert_file.clone().zip(self.client_key_file.clone()),
            patience: Duration::from_secs(self.timeout),
        }
    }
}

fn label(text: &str) -> Result<String, &'static str> {
    let must = "must be a name: at most 63 of a-z, 0-9 and -";
    dns::is_label(text).then(|| text.to_owned()).ok_or(must)
}
