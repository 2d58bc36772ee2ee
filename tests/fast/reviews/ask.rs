//! Sends requests to the webhook's router, without a socket.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::sync::Arc;

use admission::Hook;
use axum::{Router, body::Body};
use http::{Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use policy::config::{Config, Overrides};
use portcullis::{
    config::Live,
    server::{BodyLimits, Intake},
    telemetry::Metrics,
    webhook::{Webhook, router},
};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// A webhook without a cluster: the configuration's defaults apply to every namespace.
pub(crate) struct Server {
    runtime: Runtime,
    router: Router,
    pub(crate) metrics: Arc<Metrics>,
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The AdmissionReview's `response`.
    pub(crate) fn response(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, StatusCode::OK, "{text}");
        let review: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(review["kind"], "AdmissionReview");
        review["response"].clone()
    }
}

impl Server {
    pub(crate) fn new(config: Config) -> Self {
        Self::with_limits(config, BodyLimits::default())
    }

    pub(crate) fn with_limits(config: Config, limits: BodyLimits) -> Self {
        let metrics = Arc::new(Metrics::new(0).unwrap());
        let webhook = Webhook {
            config: Arc::new(Live::fixed(config, Overrides::default())),
            cluster: None,
            exceptions: None,
            metrics: Arc::clone(&metrics),
            traces: None,
            events: None,
            intake: Intake::new(limits),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, router: router(Arc::new(webhook)), metrics }
    }

    pub(crate) fn ask(&self, hook: Hook, body: impl Into<Body>) -> Reply {
        let request = Request::post(format!("/{}?timeout=5s", hook.as_str()))
            .header(CONTENT_TYPE, "application/json")
            .body(body.into());
        self.send(request.unwrap())
    }

    pub(crate) fn send(&self, request: Request<Body>) -> Reply {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes().into();
            Reply { status, body }
        })
    }
}
