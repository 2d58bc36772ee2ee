//! Proves that the webhook answers through its Service, with exactly the trust that the API server has: the
//! `caBundle` of the webhook configurations, and the name that the API server asks for. It changes nothing.
//!
//! It does not prove that the API server itself can reach the Service: that dials from its own node, past other
//! firewalls.

mod ask;
mod dial;
mod target;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use kube::Client;
use tokio::time::Instant;

use crate::harmless::{Harmless, Styles};

use target::Endpoint;

/// What is to be checked.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The Service's name.
    pub(crate) service: String,
    /// Its namespace. The reviews are about pods there: it exists, so its policy is really looked up.
    pub(crate) namespace: String,
    /// The ValidatingWebhookConfiguration, if there is one.
    pub(crate) validating: Option<String>,
    /// The MutatingWebhookConfiguration, if there is one.
    pub(crate) mutating: Option<String>,
    /// What to dial instead of the Service's name and port: `host:port`.
    pub(crate) address: Option<String>,
    /// What to show to a server that asks for a client certificate: PEM files of the chain and the key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// For each step.
    pub(crate) patience: Duration,
}

impl Plan {
    /// What the server's certificate must be made out to.
    fn server_name(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }
}

/// A step that failed.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    /// What was wrong. One line.
    what: String,
    /// Where to look, or what to do. One line.
    look: String,
}

impl Failure {
    fn new(what: impl Into<String>, look: impl Into<String>) -> Self {
        Self { what: what.into(), look: look.into() }
    }
}

/// Checks everything that can be checked, and says a line for each step. Whether all is well.
pub(crate) async fn run(client: &Client, plan: &Plan) -> bool {
    let mut is_well = true;
    let mut endpoints = Vec::new();
    for target in target::of(plan) {
        // A certificate that was made just now is in the configurations a moment later.
        let found = target.endpoints(client, plan, Instant::now() + plan.patience).await;
        match say(&target.to_string(), found.map(|found| (target::describe(&found), found))) {
            Some(found) => endpoints.extend(found),
            None => is_well = false,
        }
    }
    for endpoint in &endpoints {
        is_well &= check(plan, endpoint).await.is_some();
    }
    is_well
}

/// From the `caBundle` to an answer; none when a step failed.
async fn check(plan: &Plan, endpoint: &Endpoint) -> Option<()> {
    let name = plan.server_name();
    let trust = say("caBundle", dial::trust(&endpoint.ca_bundle))?;
    let addresses = say("resolve", dial::resolve(plan, endpoint.port).await)?;
    let stream = say("connect", dial::connect(plan, &addresses).await)?;
    let stream = say("TLS", dial::handshake(plan, &name, trust, stream).await)?;
    say(&endpoint.path, ask::review(plan, endpoint, stream).await)
}

/// One line of what came of a step, and another of where to look if it failed. Hands on what came of it.
fn say<T>(step: &str, result: Result<(String, T), Failure>) -> Option<T> {
    // What answers may be anything.
    let mut out = Harmless::new(io::stdout(), Styles::Removed);
    match result {
        Ok((what, value)) => {
            let _ = writeln!(out, "ok    {step}: {what}");
            Some(value)
        }
        Err(Failure { what, look }) => {
            let _ = writeln!(out, "FAIL  {step}: {what}\n      look at: {look}");
            None
        }
    }
}
