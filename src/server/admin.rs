//! The admin port: liveness, readiness and metrics, in plain HTTP, for the kubelet and Prometheus.
//!
//! Changes nothing and exposes nothing of any request. Serve it with [`run`](super::run),
//! [`Transport::Plain`](super::Transport::Plain) and [`Limits::admin`](super::Limits::admin), with a separate
//! [`Shutdown`](super::Shutdown): it must answer "not ready" until the webhook's listener has drained.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus::{Registry, TextEncoder};

use super::readiness::Readiness;

/// `/livez`, `/healthz`, `/readyz` (each condition with `?verbose`, or when one fails) and `/metrics`.
pub fn router(readiness: Arc<Readiness>, registry: Registry) -> Router {
    Router::new()
        .route("/livez", get(alive))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(metrics).with_state(registry))
        .fallback(async || {
            let paths = "not found: there are /livez, /readyz and /metrics\n";
            (StatusCode::NOT_FOUND, paths)
        })
        .method_not_allowed_fallback(async || {
            let methods = "method not allowed: use GET\n";
            (StatusCode::METHOD_NOT_ALLOWED, methods)
        })
}

/// A response is proof of liveness.
async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(readiness): State<Arc<Readiness>>, RawQuery(query): RawQuery) -> Response {
    let report = readiness.report();
    if !report.is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, report.to_string()).into_response();
    }
    let verbose = query.is_some_and(|query| {
        let mut keys = query.split('&').filter_map(|pair| pair.split('=').next());
        keys.any(|key| key == "verbose")
    });
    if verbose { report.to_string().into_response() } else { "ok\n".into_response() }
}

async fn metrics(State(registry): State<Registry>) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            let text = format!("metrics cannot be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}
