//! A stand-in for kube-apiserver where the real one would only be in the way: it has namespaces full of pods that
//! nobody has to create, of any size.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::process::Folder;

/// The pods of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Pods {
    pub(crate) namespace: &'static str,
    pub(crate) count: usize,
    /// The JSON of each, but for the name, which stands where `NAME` is.
    pub(crate) pod: String,
}

/// Serves until dropped.
pub(crate) struct StubCluster {
    address: SocketAddr,
    folder: Folder,
    /// The bytes of pods that were sent.
    pub(crate) sent: Arc<AtomicU64>,
    _server: JoinSet<()>,
}

#[derive(Clone)]
struct Known {
    pods: Arc<Vec<Pods>>,
    sent: Arc<AtomicU64>,
}

impl StubCluster {
    /// With the namespace `web`, which enforces restricted, and these pods in others.
    pub(crate) async fn start(pods: Vec<Pods>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let known = Known { pods: Arc::new(pods), sent: Arc::clone(&sent) };
        let app = Router::new().fallback(answer).with_state(known);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, folder: Folder::new("stub"), sent, _server: server }
    }

    /// What leads there.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "stub",
            "clusters": [{"name": "stub", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "stub", "user": {}}],
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
        });
        self.folder.write("kubeconfig", kubeconfig.to_string())
    }
}

async fn answer(State(known): State<Known>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let metadata = json!({"resourceVersion": "1"});
    match uri.path() {
        "/version" => json_text(
            json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}).to_string(),
        ),
        _ if query.contains("watch=") => {
            json_body(Body::from_stream(futures::stream::pending::<std::io::Result<String>>()))
        }
        "/api/v1/namespaces" => {
            let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
            let web = json!({"metadata": {"name": "web", "labels": labels, "resourceVersion": "1"}});
            json_text(
                json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": [web]})
                    .to_string(),
            )
        }
        path => {
            let namespace = path.strip_prefix("/api/v1/namespaces/");
            let namespace = namespace.and_then(|rest| rest.strip_suffix("/pods"));
            match known.pods.iter().find(|pods| Some(pods.namespace) == namespace) {
                Some(pods) => {
                    let page = pods.page(query);
                    known.sent.fetch_add(page.len() as u64, Ordering::Relaxed);
                    json_text(page)
                }
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
    }
}

impl Pods {
    /// A page as kube-apiserver makes it of `limit` and `continue`.
    fn page(&self, query: &str) -> String {
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok())
        };
        let first: usize = parameter("continue").unwrap_or(0);
        let end = self.count.min(first + parameter("limit").unwrap_or(self.count));
        let pods = (first..end).map(|index| self.pod.replacen("NAME", &format!("p{index}"), 1));
        let pods: Vec<_> = pods.collect();
        let metadata = match self.count - end {
            0 => json!({"resourceVersion": "1"}),
            left => json!({"continue": end.to_string(), "remainingItemCount": left}),
        };
        let pods = pods.join(",");
        format!(r#"{{"kind":"PodList","apiVersion":"v1","metadata":{metadata},"items":[{pods}]}}"#)
    }
}

fn json_text(text: String) -> Response {
    json_body(Body::from(text))
}

fn json_body(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
