//! The webhook configurations, and the endpoints they point to.

use std::{fmt, time::Duration};

use k8s_openapi::{
    ByteString,
    api::admissionregistration::v1::{
        MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
    },
};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout_at};

use admission::Hook;

use crate::cluster::{bounded, one_line};

use super::{Failure, Plan};

const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The API server's default for the port of a Service.
const DEFAULT_PORT: u16 = 443;

/// A webhook configuration.
#[derive(Debug)]
pub(super) struct Target {
    hook: Hook,
    name: String,
}

/// The destination of some webhooks of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) hook: Hook,
    pub(super) path: String,
    /// The port of the Service.
    pub(super) port: u16,
    /// The trusted CAs, in PEM.
    pub(super) ca_bundle: Vec<u8>,
    /// The names of the webhooks.
    webhooks: Vec<String>,
}

/// The configurations to check.
pub(super) fn of(plan: &Plan) -> Vec<Target> {
    let of = |hook, name: &Option<String>| name.clone().map(|name| Target { hook, name });
    let all = [of(Hook::Validate, &plan.validating), of(Hook::Mutate, &plan.mutating)];
    all.into_iter().flatten().collect()
}

/// Describes the endpoints in one line.
pub(super) fn describe(endpoints: &[Endpoint]) -> String {
    let of = |endpoint: &Endpoint| {
        let Endpoint { path, port, webhooks, .. } = endpoint;
        format!("{} to {path} on port {port}", webhooks.join(", "))
    };
    endpoints.iter().map(of).collect::<Vec<_>>().join("; ")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.hook {
            Hook::Validate => "validatingwebhookconfiguration",
            Hook::Mutate => "mutatingwebhookconfiguration",
        };
        write!(f, "{kind} {}", self.name)
    }
}

impl Target {
    /// Reads the configuration. Waits until the deadline for its `caBundle`.
    pub(super) async fn endpoints(
        &self,
        client: &Client,
        plan: &Plan,
        deadline: Instant,
    ) -> Result<Vec<Endpoint>, Failure> {
        loop {
            let read = timeout_at(deadline, self.read(client.clone())).await;
            let read = read.map_err(|_| unreadable("the API server did not answer in time"))?;
            let webhooks = read.map_err(|error| unreadable(&one_line(&error)))?;
            let found = endpoints(self.hook, webhooks, plan);
            let is_bundle_there = !matches!(&found, Err(TargetError::CaBundle(_)));
            if is_bundle_there || Instant::now() + RETRY_PAUSE >= deadline {
                return found.map_err(Failure::from);
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    async fn read(&self, client: Client) -> kube::Result<Vec<(String, WebhookClientConfig)>> {
        Ok(match self.hook {
            Hook::Validate => {
                let api: Api<ValidatingWebhookConfiguration> = Api::all(client);
                let webhooks = api.get(&self.name).await?.webhooks.unwrap_or_default();
                webhooks.into_iter().map(|webhook| (webhook.name, webhook.client_config)).collect()
            }
            Hook::Mutate => {
                let api: Api<MutatingWebhookConfiguration> = Api::all(client);
                let webhooks = api.get(&self.name).await?.webhooks.unwrap_or_default();
                webhooks.into_iter().map(|webhook| (webhook.name, webhook.client_config)).collect()
            }
        })
    }
}

fn unreadable(why: &str) -> Failure {
    Failure::new(
        why,
        "whether it exists under this name, this account may get it, and this pod can reach the API server",
    )
}

/// Why a configuration cannot be used.
enum TargetError {
    Webhooks,
    OtherServer { webhook: String, target: String, wanted: String },
    CaBundle(String),
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Webhooks => {
                Self::new("it has no webhooks", "how the configuration was installed")
            }
            TargetError::OtherServer { webhook, target, wanted } => Self::new(
                format!("webhook {webhook} points to {target}, not to service {wanted}"),
                "the names of the configuration and of the Service: they must belong to one installation",
            ),
            TargetError::CaBundle(webhook) => Self::new(
                format!("webhook {webhook} has no caBundle"),
                "what should write it: the server's log (self-managed certificates), or cert-manager's cainjector",
            ),
        }
    }
}

/// Groups webhooks with the same destination.
fn endpoints(
    hook: Hook,
    webhooks: Vec<(String, WebhookClientConfig)>,
    plan: &Plan,
) -> Result<Vec<Endpoint>, TargetError> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (name, config) in webhooks {
        let name = bounded(&name);
        let (path, port) = address(&name, &config, plan)?;
        let ca_bundle = config.ca_bundle.map(|ByteString(pem)| pem).unwrap_or_default();
        if ca_bundle.is_empty() {
            return Err(TargetError::CaBundle(name));
        }
        let same = endpoints.iter_mut().find(|endpoint| {
            endpoint.path == path && endpoint.port == port && endpoint.ca_bundle == ca_bundle
        });
        match same {
            Some(endpoint) => endpoint.webhooks.push(name),
            None => endpoints.push(Endpoint { hook, path, port, ca_bundle, webhooks: vec![name] }),
        }
    }
    if endpoints.is_empty() { Err(TargetError::Webhooks) } else { Ok(endpoints) }
}

/// The path, and the port of the Service, that a webhook points to.
fn address(
    webhook: &str,
    config: &WebhookClientConfig,
    plan: &Plan,
) -> Result<(String, u16), TargetError> {
    let other = |target: String| TargetError::OtherServer {
        webhook: webhook.to_owned(),
        target: bounded(&target),
        wanted: format!("{}/{}", plan.namespace, plan.service),
    };
    let Some(service) = &config.service else {
        return Err(other(config.url.clone().unwrap_or_else(|| "nowhere".to_owned())));
    };
    if service.name != plan.service || service.namespace != plan.namespace {
        return Err(other(format!("service {}/{}", service.namespace, service.name)));
    }
    let port = match service.port {
        None => DEFAULT_PORT,
        Some(port) => u16::try_from(port).map_err(|_| other(format!("port {port}")))?,
    };
    Ok((service.path.clone().unwrap_or_else(|| "/".to_owned()), port))
}
