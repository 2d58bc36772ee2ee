//! A webhook of a service mesh that injects a container into every pod without it.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::response::IntoResponse;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use portcullis::certificates::standalone;
use portcullis::server::shutdown::shutdown;
use portcullis::server::tls::server_config;
use portcullis::server::{Limits, Serving, Stats, Transport, Trigger, run};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::{
    control_plane::unique_name,
    user::User,
    webhooks::{in_force, probe, rule},
};

/// The name of the injected container.
pub(crate) const SIDECAR: &str = "proxy";

/// The label of namespaces with injection; its value selects the webhook.
const LABEL: &str = "tests.portcullis.dev/mesh";

/// A running webhook on 127.0.0.1, which ends when dropped.
pub(crate) struct Injector {
    port: u16,
    authority_pem: String,
    id: String,
    _trigger: Trigger,
    _task: JoinSet<()>,
}

impl Injector {
    pub(crate) async fn start() -> Self {
        let (identity, ca_pem) = standalone(&[]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (trigger, stop) = shutdown();
        let serving = Serving {
            app: Router::new().route("/inject", post(inject)),
            transport: Transport::Tls(server_config(identity).unwrap()),
            limits: Limits::default(),
            stats: Arc::new(Stats::default()),
        };
        let mut task = JoinSet::new();
        task.spawn(run(listener, serving, stop));
        let id = unique_name("sidecar");
        Self { port, authority_pem: ca_pem, id, _trigger: trigger, _task: task }
    }

    /// Registers it under a name that sorts after ours, and waits until the API server calls it.
    pub(crate) async fn register(&self, admin: &User) {
        let probe_name = unique_name("probe");
        let configuration = json!({
            "metadata": {"name": self.id},
            "webhooks": [
                {
                    "name": "sidecar.tests.portcullis.dev",
                    "clientConfig": {
                        "url": format!("https://127.0.0.1:{}/inject", self.port),
                        "caBundle": STANDARD.encode(&self.authority_pem),
                    },
                    "failurePolicy": "Fail",
                    "rules": [rule("", &["pods"], &["CREATE"])],
                    "namespaceSelector": {"matchLabels": {LABEL: self.id}},
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                },
                probe(&probe_name),
            ],
        });
        let kind = "mutatingwebhookconfigurations";
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}");
        admin.create(&path, &configuration).await.granted();
        in_force(admin, kind, &probe_name).await;
    }

    /// These labels, and the one that enables this webhook for a namespace.
    pub(crate) fn with_own_label<'a>(
        &'a self,
        labels: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, &'a str)> {
        [labels, &[(LABEL, self.id.as_str())]].concat()
    }
}

async fn inject(body: Bytes) -> impl IntoResponse {
    let review: Value = serde_json::from_slice(&body).unwrap();
    let mut response = json!({"uid": review["request"]["uid"], "allowed": true});
    let containers = review["request"]["object"]["spec"]["containers"].as_array().unwrap();
    if !containers.iter().any(|container| container["name"] == SIDECAR) {
        let sidecar = json!({"name": SIDECAR, "image": "registry.example/proxy:1"});
        let patch = json!([{"op": "add", "path": "/spec/containers/-", "value": sidecar}]);
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(STANDARD.encode(patch.to_string()));
    }
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    });
    ([(CONTENT_TYPE, "application/json")], answer.to_string())
}
