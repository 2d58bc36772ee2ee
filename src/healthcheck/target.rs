//! The webhook configurations, and where they send reviews.

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

const AGAIN: Duration = Duration::from_secs(1);
/// What the API server dials where a Service's port is not said.
const DEFAULT_PORT: u16 = 443;

/// One configuration.
#[derive(Debug)]
pub(super) struct Target {
    hook: Hook,
    name: String,
}

/// Where webhooks of one configuration send their reviews, and whom they trust there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) hook: Hook,
    pub(super) path: String,
    /// Of the Service.
    pub(super) port: u16,
    /// PEM.
    pub(super) ca_bundle: Vec<u8>,
    /// The webhooks' names.
    webhooks: Vec<String>,
}

/// The configurations that are to be checked.
pub(super) fn of(plan: &Plan) -> Vec<Target> {
    let of = |hook, name: &Option<String>| name.clone().map(|name| Target { hook, name });
    let all = [of(Hook::Validate, &plan.validating), of(Hook::Mutate, &plan.mutating)];
    all.into_iter().flatten().collect()
}

/// In one line.
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
    /// Reads the configuration. Waits a while for its `caBundle`, which someone writes into it.
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
            let is_bundle_there = !matches!(&found, Err(NotThere::CaBundle(_)));
            if is_bundle_there || Instant::now() + AGAIN >= deadline {
                return found.map_err(Failure::from);
            }
            sleep(AGAIN).await;
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
        "is it there under this name, may this account get it, may this pod reach the API server",
    )
}

/// What a configuration lacks.
enum NotThere {
    Webhooks,
    OtherServer { webhook: String, leads: String, wanted: String },
    CaBundle(String),
}

impl From<NotThere> for Failure {
    fn from(error: NotThere) -> Self {
        match error {
            NotThere::Webhooks => {
                Self::new("it has no webhooks", "how the configuration was installed")
            }
            NotThere::OtherServer { webhook, leads, wanted } => Self::new(
                format!("webhook {webhook} leads to {leads}, not to service {wanted}"),
                "the names of the configuration and of the Service: they must be of one installation",
            ),
            NotThere::CaBundle(webhook) => Self::new(
                format!("webhook {webhook} has no caBundle"),
                "who is to write it: the server's log (self-managed certificates), or cert-manager's cainjector",
            ),
        }
    }
}

/// Webhooks that differ in nothing are one endpoint.
fn endpoints(
    hook: Hook,
    webhooks: Vec<(String, WebhookClientConfig)>,
    plan: &Plan,
) -> Result<Vec<Endpoint>, NotThere> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (name, config) in webhooks {
        let name = bounded(&name);
        let (path, port) = address(&name, &config, plan)?;
        let ca_bundle = config.ca_bundle.map(|ByteString(pem)| pem).unwrap_or_default();
        if ca_bundle.is_empty() {
            return Err(NotThere::CaBundle(name));
        }
        let same = endpoints.iter_mut().find(|endpoint| {
            endpoint.path == path && endpoint.port == port && endpoint.ca_bundle == ca_bundle
        });
        match same {
            Some(endpoint) => endpoint.webhooks.push(name),
            None => endpoints.push(Endpoint { hook, path, port, ca_bundle, webhooks: vec![name] }),
        }
    }
    if endpoints.is_empty() { Err(NotThere::Webhooks) } else { Ok(endpoints) }
}

/// The path and the port of the Service that a webhook leads to.
fn address(
    webhook: &str,
    config: &WebhookClientConfig,
    plan: &Plan,
) -> Result<(String, u16), NotThere> {
    let other = |leads: String| NotThere::OtherServer {
        webhook: webhook.to_owned(),
        leads: bounded(&leads),
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
