//! Observability: alerts, the dashboard, the page of metrics, and traces.

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
