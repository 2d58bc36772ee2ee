//! A stand-in for an API server, for the webhook benchmark: its one namespace, `payments`, enforces restricted.
//!
//! It fills both webhooks' caches of namespaces, and tells its version. It answers anyone, and knows nothing else.
//!
//! `api ADDRESS`

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::RawQuery,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use portcullis::server::{self, Limits, Serving, Transport, shutdown::shutdown};
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("usage: api ADDRESS")?;
    let serving = Serving {
        app: router(),
        transport: Transport::Plain,
        // A watch is one answer that does not end.
        limits: Limits { answer: Duration::from_secs(24 * 3600), ..Limits::default() },
        stats: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&address).await?;
        let (_trigger, stop) = shutdown();
        server::run(listener, serving, stop).await;
        Ok(())
    })
}

fn router() -> Router {
    Router::new()
        .route("/api/v1/namespaces", get(namespaces))
        .route("/api/v1/namespaces/payments", get(async || json(&namespace())))
        .route("/version", get(async || json(&version())))
}

/// A list, or a watch, which starts with what there is if it asks for that, and then stays silent.
async fn namespaces(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asks = |word: &str| query.split('&').any(|pair| pair == word);
    if !asks("watch=true") && !asks("watch=1") {
        return json(&json!({
            "kind": "NamespaceList",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "1"},
            "items": [namespace()],
        }));
    }
    let initial = if asks("sendInitialEvents=true") { initial_events() } else { String::new() };
    let events = stream::iter([Ok::<_, Infallible>(Bytes::from(initial))]).chain(stream::pending());
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(events)).into_response()
}

fn initial_events() -> String {
    let end = json!({
        "type": "BOOKMARK",
        "object": {"kind": "Namespace", "apiVersion": "v1", "metadata": {
            "resourceVersion": "1",
            "annotations": {"k8s.io/initial-events-end": "true"},
        }},
    });
    format!("{}\n{end}\n", json!({"type": "ADDED", "object": namespace()}))
}

/// The newest that both know.
fn version() -> Value {
    json!({
        "major": "1", "minor": "37", "gitVersion": "v1.37.0", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "", "compiler": "gc", "platform": "linux/amd64",
    })
}

fn namespace() -> Value {
    json!({
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {
            "name": "payments",
            "uid": "3c9d5b1e-08f7-4e62-a4d1-6b7f20c8e935",
            "resourceVersion": "1",
            "labels": {
                "kubernetes.io/metadata.name": "payments",
                "pod-security.kubernetes.io/enforce": "restricted",
            },
        },
        "status": {"phase": "Active"},
    })
}

fn json(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
