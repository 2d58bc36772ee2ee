//! The flags of `healthcheck`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use policy::dns;

use crate::{
    cluster,
    healthcheck::{self, Plan},
};

use super::Exit;

/// As `helm test` runs it.
#[derive(Args, Debug)]
#[command(
    group = clap::ArgGroup::new("configurations").required(true).multiple(true),
    after_help = "\
Example:
  portcullis healthcheck --service portcullis --namespace portcullis --validating-webhook portcullis

Exit status: 0 the webhook answers correctly; 1 it does not: the output names the step that failed and what to check; 2 \
the check could not run."
)]
pub(super) struct Flags {
    /// Service of the webhook
    #[arg(long, value_name = "NAME", value_parser = label)]
    service: String,

    /// Namespace of the Service, and of the pods in the test reviews
    #[arg(long, value_name = "NAMESPACE", value_parser = label)]
    namespace: String,

    /// ValidatingWebhookConfiguration: its caBundle is used for /validate
    #[arg(long, value_name = "NAME", group = "configurations", value_parser = super::object_name)]
    validating_webhook: Option<String>,

    /// MutatingWebhookConfiguration: its caBundle is used for /mutate
    #[arg(long, value_name = "NAME", group = "configurations", value_parser = super::object_name)]
    mutating_webhook: Option<String>,

    /// Address to connect to instead of the Service; the expected certificate stays the same
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,

    /// Client certificate chain in PEM, leaf certificate first
    #[arg(long, value_name = "FILE", requires = "client_key_file")]
    client_cert_file: Option<PathBuf>,

    /// Private key of the client certificate in PEM
    #[arg(long, value_name = "FILE", requires = "client_cert_file")]
    client_key_file: Option<PathBuf>,

    /// Path to a kubeconfig [default: in-cluster credentials]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Timeout of each step in seconds, which includes waiting for a missing caBundle
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// Runs the command: prints a line for each step.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    // kube uses the TLS provider of the process.
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
            timeout: Duration::from_secs(self.timeout),
        }
    }
}

fn label(text: &str) -> Result<String, &'static str> {
    let must = "must be a name: at most 63 of a-z, 0-9 and -";
    dns::is_label(text).then(|| text.to_owned()).ok_or(must)
}
