//! Handles a review: read, decode, policy, review, record, respond.

mod scan;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts};

use admission::{Hook, Outcome, PodScan, Request, Review, ReviewError, Scan, Unlisted};
use policy::{
    config::Config,
    exceptions::Exceptions,
    pss::{Minor, NEWEST},
    verdict::{Context, ExceptionsAt},
};

use crate::{
    cluster::{ApiError, Cluster, Labels},
    config::Live,
    events::Events,
    exceptions,
    server::{
        BodyError, Intake, Peer, Received,
        body::{discard, shed},
    },
    telemetry::{self, Decision, Metrics, Traces},
};

use scan::Scanner;

/// The time limit of a review whose request has no timeout: the API server's default.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a rejected body is read so that its sender can read the response, in bytes.
const MAX_DISCARD: u64 = 1 << 20;

/// Answers reviews.
pub struct Webhook {
    /// The configuration in force.
    pub config: Arc<Live>,
    /// Looks up namespaces and pods. Without it, the policy comes from the configuration alone.
    pub cluster: Option<Arc<Cluster>>,
    /// The exceptions in the cluster.
    pub exceptions: Option<Arc<exceptions::Store>>,
    /// Counts decisions.
    pub metrics: Arc<Metrics>,
    /// Exports traces, if enabled.
    pub traces: Option<Arc<Traces>>,
    /// Writes Events for denials, if enabled.
    pub events: Option<Events>,
    /// Reads bodies.
    pub intake: Intake,
}

/// `POST /validate` and `POST /mutate`.
pub fn router(webhook: Arc<Webhook>) -> Router {
    Router::new()
        .route("/validate", post(validate))
        .route("/mutate", post(mutate))
        .fallback(async |body: Body| {
            refuse(body, StatusCode::NOT_FOUND, "not found: use /validate or /mutate").await
        })
        .method_not_allowed_fallback(async |body: Body| {
            refuse(body, StatusCode::METHOD_NOT_ALLOWED, "method not allowed: use POST").await
        })
        .with_state(webhook)
}

async fn validate(State(webhook): State<Arc<Webhook>>, request: http::Request<Body>) -> Response {
    webhook.handle(Hook::Validate, request).await
}

async fn mutate(State(webhook): State<Arc<Webhook>>, request: http::Request<Body>) -> Response {
    webhook.handle(Hook::Mutate, request).await
}

async fn refuse(body: Body, status: StatusCode, why: &str) -> Response {
    discard(body, MAX_DISCARD).await;
    (status, format!("{why}\n")).into_response()
}

/// A request without its body.
struct Call {
    hook: Hook,
    headers: HeaderMap,
    peer: Peer,
    started: Instant,
    /// When the API server stops waiting.
    deadline: Instant,
}

/// A snapshot of everything that affects a decision, taken once per request.
#[derive(Clone)]
struct InForce {
    config: Arc<Config>,
    exceptions: Option<Arc<Exceptions>>,
    newest: Minor,
    now: SystemTime,
}

/// A review in progress. It owns everything it needs, because a large one is decided on another thread.
struct Job {
    call: Call,
    in_force: InForce,
    received: Received,
}

/// What was read from the cluster for a request.
enum Known {
    Nothing,
    Labels(Result<Arc<Labels>, ApiError>),
    Pods(Box<Scan>),
}

/// What must be read before a request can be decided.
enum Need {
    Labels { namespace: String },
    Pods(Box<PodScan>),
}

/// A review and what it needs.
struct Undecided {
    job: Box<Job>,
    need: Need,
}

impl Call {
    fn new(hook: Hook, head: Parts) -> Self {
        let started = Instant::now();
        let peer = head.extensions.get().copied().unwrap_or_default();
        let deadline = started + timeout(head.uri.query());
        Self { hook, headers: head.headers, peer, started, deadline }
    }
}

impl InForce {
    fn context(&self) -> Context<'_> {
        let excepted = ExceptionsAt { exceptions: self.exceptions.as_deref(), now: self.now };
        Context { config: &self.config, newest: self.newest, excepted }
    }
}

impl Webhook {
    async fn handle(self: Arc<Self>, hook: Hook, request: http::Request<Body>) -> Response {
        let (head, body) = request.into_parts();
        let call = Call::new(hook, head);
        if !is_json(&call.headers) {
            discard(body, MAX_DISCARD).await;
            return self.bad_request("unexpected Content-Type: expected application/json");
        }
        let received = match self.intake.read(body).await {
            Ok(received) => received,
            Err(BodyError::Busy) => {
                self.metrics.shed.inc();
                return shed();
            }
            Err(BodyError::TooLarge { head, limit }) => {
                return self.too_large(&call, &head, limit);
            }
            Err(error @ BodyError::Incomplete(_)) => return self.bad_request(&error.to_string()),
        };
        // Boxed to keep this future small, because every request pays for its size.
        let mut job = Box::new(Job { call, in_force: self.in_force(), received });
        let mut known = Known::Nothing;
        loop {
            let (peer, bytes) = (job.call.peer, job.received.bytes.len());
            let webhook = Arc::clone(&self);
            let decided = self.intake.work(peer, bytes, move || webhook.decide(job, known)).await;
            match decided {
                Ok(response) => return response,
                Err(Undecided { job: same, need }) => {
                    job = same;
                    known = Box::pin(self.ask(need, &job)).await;
                }
            }
        }
    }

    fn in_force(&self) -> InForce {
        InForce {
            config: self.config.current(),
            exceptions: self.exceptions.as_ref().map(|store| store.current()),
            newest: self.cluster.as_ref().map_or(NEWEST, |cluster| cluster.newest()),
            now: SystemTime::now(),
        }
    }

    /// Decides a review, or returns what it needs. The caller then decodes it again: many requests may wait for a slow
    /// API server, and a decoded body takes several times its size. The cache answers nearly all requests.
    fn decide(&self, job: Box<Job>, known: Known) -> Result<Response, Undecided> {
        self.try_decide(&job, known).map_err(|need| Undecided { job, need })
    }

    fn try_decide(&self, job: &Job, known: Known) -> Result<Response, Need> {
        let Job { call, in_force, received } = job;
        let context = in_force.context();
        let request = match Request::decode(&received.bytes, context.config.kinds()) {
            Ok(request) => request,
            Err(error) => return Ok(self.bad_request(&error.to_string())),
        };
        let outcome = match admission::review(call.hook, &request, context) {
            Review::Decided(outcome) => outcome,
            Review::AwaitsPolicy(review) => match (known, self.cached(review.namespace())) {
                (Known::Labels(Ok(labels)), _) => review.with(Ok(&labels)),
                (Known::Labels(Err(error)), _) => review.with(Err(error.to_string())),
                (Known::Nothing | Known::Pods(_), Some(labels)) => review.with(Ok(&labels)),
                (Known::Nothing | Known::Pods(_), None) => {
                    return Err(Need::Labels { namespace: review.namespace().to_owned() });
                }
            },
            Review::AwaitsPods(review) => match known {
                Known::Pods(scan) => review.with(*scan),
                Known::Nothing | Known::Labels(_) => {
                    return Err(Need::Pods(Box::new(review.scan())));
                }
            },
        };
        Ok(self.conclude(call, &request, &outcome, context))
    }

    /// The labels of a namespace, if they are cached. Without a cluster, no namespace has labels.
    fn cached(&self, namespace: &str) -> Option<Arc<Labels>> {
        match &self.cluster {
            Some(cluster) => cluster.cached(namespace),
            None => Some(Arc::default()),
        }
    }

    async fn ask(&self, need: Need, job: &Job) -> Known {
        match (need, &self.cluster) {
            (Need::Labels { .. }, None) => Known::Labels(Ok(Arc::default())),
            (Need::Labels { namespace }, Some(cluster)) => {
                Known::Labels(cluster.namespace(&namespace).await)
            }
            (Need::Pods(scan), None) => Known::Pods(Box::new(scan.finish(Unlisted::Known(0)))),
            (Need::Pods(scan), Some(cluster)) => {
                let scanner = Scanner {
                    cluster,
                    intake: &self.intake,
                    peer: job.call.peer,
                    in_force: &job.in_force,
                    deadline: scan::deadline(job.call.deadline),
                };
                let (scan, shortfall) = scanner.run(*scan).await;
                if let Some(error) = shortfall {
                    self.metrics.pods_unlisted.with_label_values(&[error.kind()]).inc();
                }
                Known::Pods(Box::new(scan))
            }
        }
    }

    /// Denies a review that is too large. An HTTP error would admit the object if the failurePolicy is Ignore.
    fn too_large(&self, call: &Call, head: &[u8], limit: usize) -> Response {
        let request = match Request::decode_head(head) {
            Ok(request) => request,
            Err(error) => return self.bad_request(&error.to_string()),
        };
        let config = self.config.current();
        let context = Context { config: &config, newest: NEWEST, excepted: ExceptionsAt::none() };
        self.conclude(call, &request, &Outcome::Refuse(ReviewError::TooLarge { limit }), context)
    }

    fn conclude(
        &self,
        call: &Call,
        request: &Request<'_>,
        outcome: &Outcome<'_>,
        context: Context<'_>,
    ) -> Response {
        let answer = admission::answer(outcome, request, context.config.mode);
        let body = admission::respond(&answer, &request.uid);
        let took = call.started.elapsed();
        let decision =
            Decision { hook: call.hook, request, outcome, answer: &answer, context, took };
        telemetry::record(&self.metrics, &decision);
        if let Some(traces) = &self.traces {
            traces.record(&decision, &call.headers);
        }
        if let Some(events) = &self.events {
            events.queue(request, outcome, &answer);
        }
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

/// Whether the body is JSON. kube-apiserver sends exactly `application/json`; a charset is allowed too.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Parses `?timeout=5s`. kube-apiserver sends whole seconds.
fn timeout(query: Option<&str>) -> Duration {
    let pairs = query.unwrap_or_default().split('&');
    let value = pairs.filter_map(|pair| pair.strip_prefix("timeout=")).next_back();
    let seconds =
        value.and_then(|value| value.strip_suffix('s')).and_then(|value| value.parse().ok());
    seconds.filter(|seconds| *seconds <= 30).map_or(DEFAULT_TIMEOUT, Duration::from_secs)
}
