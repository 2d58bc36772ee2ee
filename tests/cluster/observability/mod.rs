//! What people watch the server by: alerts, the dashboard, the page that lists metrics, and traces.

mod alerts;
#[cfg(feature = "otel")]
mod collector;
mod dashboard;
mod exceptions;
mod metrics;
mod queries;
mod rules;
mod run;
#[cfg(feature = "otel")]
mod traces;
