//! A stand-in for an API server, for the webhook benchmark: its one namespace, `payments`, enforces restricted.
//!
//! It fills both webhooks' caches of namespaces, and tells its version. It answers anyone, and knows nothing else, but
//! with `policies`: then the namespace takes a profile, and there are 3,500 PolicyExceptions in `portcullis`.
//!
//! `api ADDRESS [policies]`

mod exceptions;

use std::{convert::Infallible, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use portcullis::server::{self, Limits, Serving, Transport, shutdown::shutdown};
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("usage: api ADDRESS [policies]")?;
    let cluster = match arguments.next().as_deref() {
        None => Cluster { profile: None, exceptions: Vec::new() },
        Some("policies") => Cluster { profile: Some("profile-100"), exceptions: exceptions::all() },
        Some(other) => anyhow::bail!("{other:?} must be `policies`"),
    };
    let serving = Serving {
        app: router(Arc::new(cluster)),
        transport: Transport::Plain,
        // A watch is one endless response.
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

/// The content of the cluster.
struct Cluster {
    /// The label of the namespace.
    profile: Option<&'static str>,
    exceptions: Vec<Value>,
}

fn router(cluster: Arc<Cluster>) -> Router {
    type Known = State<Arc<Cluster>>;
    Router::new()
        .route("/api/v1/namespaces", get(namespaces))
        .route(
            "/api/v1/namespaces/payments",
            get(async |State(cluster): Known| json(&namespace(&cluster))),
        )
        .route(exceptions::PATH, get(policy_exceptions))
        .route("/version", get(async || json(&version())))
        .with_state(cluster)
}

async fn namespaces(State(cluster): State<Arc<Cluster>>, RawQuery(query): RawQuery) -> Response {
    listed("v1", "Namespace", &[namespace(&cluster)], &query.unwrap_or_default())
}

async fn policy_exceptions(
    State(cluster): State<Arc<Cluster>>,
    RawQuery(query): RawQuery,
) -> Response {
    let (version, kind) = exceptions::KIND;
    listed(version, kind, &cluster.exceptions, &query.unwrap_or_default())
}

/// A page of a list, or a watch, which sends the existing objects if requested and then nothing.
fn listed(version: &str, kind: &str, objects: &[Value], query: &str) -> Response {
    let value =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    if !matches!(value("watch"), Some("true" | "1")) {
        let number = |name| value(name).and_then(|value| value.parse().ok());
        let (start, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(500));
        let left = objects.get(start..).unwrap_or_default();
        let page = left.get(..limit).unwrap_or(left);
        let token = (page.len() < left.len()).then(|| (start + page.len()).to_string());
        return json(&json!({
            "kind": format!("{kind}List"),
            "apiVersion": version,
            "metadata": {"resourceVersion": "1", "continue": token},
            "items": page,
        }));
    }
    let events = stream::iter(match value("sendInitialEvents") {
        Some("true") => initial_events(version, kind, objects),
        _ => Vec::new(),
    });
    let events = events.map(Ok::<_, Infallible>).chain(stream::pending());
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(events)).into_response()
}

fn initial_events(version: &str, kind: &str, objects: &[Value]) -> Vec<Bytes> {
    let end = json!({
        "type": "BOOKMARK",
        "object": {"kind": kind, "apiVersion": version, "metadata": {
            "resourceVersion": "1",
            "annotations": {"k8s.io/initial-events-end": "true"},
        }},
    });
    let all = objects.iter().map(|object| json!({"type": "ADDED", "object": object})).chain([end]);
    all.map(|event| format!("{event}\n").into()).collect()
}

/// The newest version that both servers know.
fn version() -> Value {
    json!({
        "major": "1", "minor": "37", "gitVersion": "v1.37.0", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "", "compiler": "gc", "platform": "linux/amd64",
    })
}

fn namespace(cluster: &Cluster) -> Value {
    let mut labels = json!({
        "kubernetes.io/metadata.name": "payments",
        "pod-security.kubernetes.io/enforce": "restricted",
    });
    if let (Some(profile), Some(labels)) = (cluster.profile, labels.as_object_mut()) {
        labels.insert("portcullis.dev/profile".to_owned(), profile.into());
    }
    json!({
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {
            "name": "payments",
            "uid": "3c9d5b1e-08f7-4e62-a4d1-6b7f20c8e935",
            "resourceVersion": "1",
            "labels": labels,
        },
        "status": {"phase": "Active"},
    })
}

fn json(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
