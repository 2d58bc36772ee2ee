//! What people watch the server by: alerts, the dashboard, the page that lists metrics, and traces.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod alerts;
#[cfg(feature = "otel")]
#[path = "../server/client.rs"]
mod client;
#[cfg(feature = "otel")]
mod collector;
mod dashboard;
mod exceptions;
#[path = "../chart/helm.rs"]
#[allow(dead_code, reason = "the chart's own tests use the rest")]
mod helm;
#[path = "../certificates/installation.rs"]
#[allow(dead_code, reason = "the certificates' own tests use the rest")]
mod installation;
mod metrics;
mod queries;
mod rules;
mod run;
#[cfg(feature = "otel")]
#[path = "../lifecycle/server.rs"]
#[allow(dead_code, reason = "the lifecycle's own tests use the rest")]
mod server;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "otel")]
mod traces;
