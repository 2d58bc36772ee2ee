//! Writes reports at a limited rate, and deletes those without a workload.

use std::time::Duration;

use http::{Method, Request};
use kube::Client;
use tokio::time::{Instant, sleep_until};

use crate::cluster::{ApiError, send};

use super::{
    US, api::Api, existing::ExistingReports, metrics::AuditMetrics, report::WorkloadReport,
};

/// Between two writes: 20 a second.
const APART: Duration = Duration::from_millis(50);
/// After this many consecutive failures, the rest is left to the next round.
const GIVES_UP: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Apply,
    Delete,
}

impl Verb {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Delete => "delete",
        }
    }
}

pub(super) struct Writer<'r> {
    client: &'r Client,
    pub(super) api: Api,
    metrics: &'r AuditMetrics,
    next: Instant,
    refused: u32,
    /// A namespace that rejects writes because it is being deleted.
    closed: Option<String>,
    pub(super) applied: u64,
    pub(super) deleted: u64,
    /// The existing reports that this round has not confirmed yet.
    pub(super) existing: ExistingReports,
}

impl<'r> Writer<'r> {
    pub(super) fn new(
        client: &'r Client,
        api: Api,
        metrics: &'r AuditMetrics,
        existing: ExistingReports,
    ) -> Self {
        Self {
            client,
            api,
            metrics,
            next: Instant::now(),
            refused: 0,
            closed: None,
            applied: 0,
            deleted: 0,
            existing,
        }
    }

    /// Creates or updates a report. Takes over fields that another client changed (server-side apply with force).
    pub(super) async fn apply(&mut self, report: WorkloadReport) {
        let path = self.api.path(&report.namespace, &report.name);
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(format!("{path}?fieldManager={US}&force=true"))
            .header(http::header::CONTENT_TYPE, "application/apply-patch+yaml")
            .body(report.body);
        self.applied += u64::from(self.send(Verb::Apply, &report.namespace, request).await);
    }

    pub(super) async fn delete(&mut self, namespace: &str, name: &str) {
        let path = self.api.path(namespace, name);
        let request = Request::delete(&path).body(Vec::new());
        self.deleted += u64::from(self.send(Verb::Delete, namespace, request).await);
    }

    /// Whether the write succeeded.
    async fn send(
        &mut self,
        verb: Verb,
        namespace: &str,
        request: http::Result<Request<Vec<u8>>>,
    ) -> bool {
        let Ok(request) = request else { return false };
        if self.refused >= GIVES_UP || self.closed.as_deref() == Some(namespace) {
            return false;
        }
        sleep_until(self.next).await;
        self.next = Instant::now() + APART;
        let refusal = match send(self.client, &request).await {
            Ok(_) => None,
            Err(ApiError::NotFound) if verb == Verb::Delete => None,
            Err(refusal) => Some(refusal),
        };
        let Some(refusal) = refusal else {
            self.refused = 0;
            self.metrics.wrote(verb, true);
            return true;
        };
        self.refused += 1;
        if matches!(refusal, ApiError::Forbidden(_)) {
            self.closed = Some(namespace.to_owned());
        }
        self.metrics.wrote(verb, false);
        let error = refusal.to_string();
        if self.refused == 1 {
            tracing::warn!(namespace, error, "a report could not be written");
        } else if self.refused == GIVES_UP {
            tracing::error!(
                namespace,
                error,
                "reports cannot be written: the next round tries again"
            );
        }
        false
    }
}
