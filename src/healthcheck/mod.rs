//! Checks that the webhook answers through its Service, verified as the API server verifies it: by the `caBundle` of the
//! webhook configurations and the Service's DNS name. Changes nothing.
//!
//! It does not check that the API server itself can reach the Service: the API server connects from its own node, through
//! other firewalls.

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

use crate::sanitize::{Harmless, Styles};

use target::Endpoint;

/// What to check.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) service: String,
    /// The namespace of the Service, and of the pods in the reviews: it exists, so the server looks up its policy.
    pub(crate) namespace: String,
    /// The name of the ValidatingWebhookConfiguration.
    pub(crate) validating: Option<String>,
    /// The name of the MutatingWebhookConfiguration.
    pub(crate) mutating: Option<String>,
    /// The address to connect to instead of the Service: `host:port`.
    pub(crate) address: Option<String>,
    /// The client certificate: PEM files of the chain and the key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// The time limit of each step.
    pub(crate) timeout: Duration,
}

impl Plan {
    /// The name that the server's certificate must be valid for.
    fn server_name(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }
}

/// A step that failed.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    /// The problem, in one line.
    what: String,
    /// Where to look for the cause, in one line.
    look: String,
}

impl Failure {
    fn new(what: impl Into<String>, look: impl Into<String>) -> Self {
        Self { what: what.into(), look: look.into() }
    }
}

/// Runs all steps and prints a line for each. Returns whether all succeeded.
pub(crate) async fn run(client: &Client, plan: &Plan) -> bool {
    let mut is_healthy = true;
    let mut endpoints = Vec::new();
    for target in target::of(plan) {
        // The caBundle may be written a moment after the certificate is issued.
        let found = target.endpoints(client, plan, Instant::now() + plan.timeout).await;
        match print(&target.to_string(), found.map(|found| (target::describe(&found), found))) {
            Some(found) => endpoints.extend(found),
            None => is_healthy = false,
        }
    }
    for endpoint in &endpoints {
        is_healthy &= check(plan, endpoint).await.is_some();
    }
    is_healthy
}

/// Checks one endpoint. Returns none if a step failed.
async fn check(plan: &Plan, endpoint: &Endpoint) -> Option<()> {
    let name = plan.server_name();
    let trust = print("caBundle", dial::trust(&endpoint.ca_bundle))?;
    let addresses = print("resolve", dial::resolve(plan, endpoint.port).await)?;
    let stream = print("connect", dial::connect(plan, &addresses).await)?;
    let stream = print("TLS", dial::handshake(plan, &name, trust, stream).await)?;
    print(&endpoint.path, ask::review(plan, endpoint, stream).await)
}

/// Prints the result of a step, and where to look if it failed. Returns the value.
fn print<T>(step: &str, result: Result<(String, T), Failure>) -> Option<T> {
    // Responses are untrusted.
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
