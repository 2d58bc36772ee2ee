//! The one line that every review takes: read, decode, policy, review, record, respond.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};

use crate::{
    admission::{self, AwaitsPods, Context, Fault, Hook, Outcome, PodList, Request, Review},
    cluster::Cluster,
    config::Live,
    json,
    pss::NEWEST,
    record::{self, Decision, Metrics},
    server::{BodyError, Intake, body::shed},
};

/// How long a review may take where the API server does not say: its own default is 10 s.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most time that an update of a namespace's labels spends on the pods in it, as upstream.
const MAX_SCAN: Duration = Duration::from_secs(1);

/// What answers reviews.
pub struct Webhook {
    /// The configuration in force.
    pub config: Arc<Live>,
    /// Where namespaces and pods are looked up; without one, policy comes from the configuration alone.
    pub cluster: Option<Arc<Cluster>>,
    /// Where decisions are counted.
    pub metrics: Arc<Metrics>,
    /// What reads bodies.
    pub intake: Intake,
}

/// `POST /validate` and `POST /mutate`.
pub fn router(webhook: Arc<Webhook>) -> Router {
    Router::new()
        .route("/validate", post(validate))
        .route("/mutate", post(mutate))
        .fallback(async || (StatusCode::NOT_FOUND, "not found: there are /validate and /mutate\n"))
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, "method not allowed: use POST\n")
        })
        .with_state(webhook)
}

async fn validate(
    State(webhook): State<Arc<Webhook>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    webhook.handle(Hook::Validate, query.as_deref(), &headers, body).await
}

async fn mutate(
    State(webhook): State<Arc<Webhook>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    webhook.handle(Hook::Mutate, query.as_deref(), &headers, body).await
}

impl Webhook {
    async fn handle(
        &self,
        hook: Hook,
        query: Option<&str>,
        headers: &HeaderMap,
        body: Body,
    ) -> Response {
        let started = Instant::now();
        if !is_json(headers) {
            return self.bad_request("unexpected Content-Type: expected application/json");
        }
        let received = match self.intake.read(body).await {
            Ok(received) => received,
            Err(BodyError::Busy) => {
                self.metrics.shed.inc();
                return shed();
            }
            Err(BodyError::TooLarge { head, limit }) => {
                return self.too_large(hook, &head, limit, started);
            }
            Err(error @ BodyError::Incomplete(_)) => return self.bad_request(&error.to_string()),
        };
        let request = match Request::decode(&received.bytes) {
            Ok(request) => request,
            Err(error) => return self.bad_request(&error.to_string()),
        };
        let config = self.config.current();
        let newest = self.cluster.as_ref().map_or(NEWEST, |cluster| cluster.newest());
        let context = Context { config: &config, newest };
        let outcome = match admission::review(hook, &request, context) {
            Review::Decided(outcome) => outcome,
            Review::AwaitsPolicy(review) => match &self.cluster {
                None => review.with(Ok(&BTreeMap::new())),
                Some(cluster) => match cluster.namespace(review.namespace()).await {
                    Ok(labels) => review.with(Ok(&labels)),
                    Err(error) => review.with(Err(error.to_string())),
                },
            },
            Review::AwaitsPods(review) => self.scan(review, started + timeout(query)).await,
        };
        self.conclude(hook, &request, &outcome, context, started)
    }

    /// Judges the pods that run in a namespace, for as long as upstream would.
    async fn scan(&self, review: AwaitsPods<'_>, deadline: Instant) -> Outcome {
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline = Instant::now() + MAX_SCAN.min(left / 2);
        let is_time_up = || Instant::now() >= deadline;
        let Some(cluster) = &self.cluster else {
            return review.with(Ok((Vec::new(), 0)), is_time_up);
        };
        let pages = match cluster.pods(review.namespace(), deadline.into()).await {
            Ok(pages) => pages,
            Err(error) => return review.with(Err(error.to_string()), is_time_up),
        };
        let lists: Result<Vec<PodList<'_>>, _> =
            pages.pages.iter().map(|text| json::from_str(text)).collect();
        match lists {
            Ok(lists) => {
                let unfetched =
                    pages.remaining.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
                let pods = lists.into_iter().flat_map(PodList::into_items).collect();
                review.with(Ok((pods, unfetched)), is_time_up)
            }
            Err(error) => {
                review.with(Err(format!("the list of pods cannot be read: {error}")), is_time_up)
            }
        }
    }

    /// An error would let it through where the failurePolicy is Ignore: so it is denied, by its uid.
    fn too_large(&self, hook: Hook, head: &[u8], limit: usize, started: Instant) -> Response {
        let request = match Request::decode_head(head) {
            Ok(request) => request,
            Err(error) => return self.bad_request(&error.to_string()),
        };
        let config = self.config.current();
        let context = Context { config: &config, newest: NEWEST };
        self.conclude(hook, &request, &Outcome::Refuse(Fault::TooLarge { limit }), context, started)
    }

    fn conclude(
        &self,
        hook: Hook,
        request: &Request<'_>,
        outcome: &Outcome,
        context: Context<'_>,
        started: Instant,
    ) -> Response {
        let answer = admission::answer(outcome, request, context.config.mode);
        let body = admission::respond(&answer, &request.uid);
        let took = started.elapsed();
        record::record(
            &self.metrics,
            &Decision { hook, request, outcome, answer: &answer, context, took },
        );
        let mut response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn bad_request(&self, why: &str) -> Response {
        self.metrics.malformed.inc();
        tracing::debug!(why, "not a review");
        (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response()
    }
}

/// kube-apiserver sends exactly `application/json`; a charset beside it does no harm.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// `?timeout=5s`, as kube-apiserver sends it: whole seconds.
fn timeout(query: Option<&str>) -> Duration {
    let pairs = query.unwrap_or_default().split('&');
    let value = pairs.filter_map(|pair| pair.strip_prefix("timeout=")).next_back();
    let seconds =
        value.and_then(|value| value.strip_suffix('s')).and_then(|value| value.parse().ok());
    seconds.filter(|seconds| *seconds <= 30).map_or(DEFAULT_TIMEOUT, Duration::from_secs)
}
