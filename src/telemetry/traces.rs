//! One span per request, sent to a collector by OTLP over HTTP.
//!
//! Never blocks a request: finished spans go into a queue, and spans that do not fit are dropped. Spans contain no
//! user, no object name and nothing from inside an object.

mod collector;

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Uri};
use opentelemetry::{
    Array, Context, KeyValue, StringValue, Value,
    propagation::TextMapPropagator as _,
    trace::{Span as _, SpanBuilder, SpanKind, Status, Tracer as _, TracerProvider as _},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use rustls::ClientConfig;
use tokio::runtime::Handle;

use admission::{Outcome, ReviewError};

use super::{Decision, log::cut, metrics};

use collector::Collector;

/// How long shutdown waits for the last spans to be delivered.
const FLUSH: Duration = Duration::from_secs(3);

/// Sends spans to a collector.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl Traces {
    /// Exports to the collector at `endpoint`, a URI with its complete path. `tls` configures https. Spans are sent on
    /// `runtime`. The standard `OTEL_…` variables for sampling, batches, headers and resources apply.
    ///
    /// # Errors
    /// An invalid `OTEL_…` variable.
    pub fn to(endpoint: &Uri, tls: Option<ClientConfig>, runtime: Handle) -> anyhow::Result<Self> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint.to_string())
            .with_http_client(Collector::new(runtime, tls))
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        let tracer = provider.tracer("portcullis");
        Ok(Self { provider, tracer, propagator: TraceContextPropagator::new() })
    }

    /// Records the span of a decision. The request's `headers` name the trace that it belongs to.
    pub fn record(&self, decision: &Decision<'_>, headers: &HeaderMap) {
        let parent =
            self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let end = SystemTime::now();
        let name = format!("{} {}", decision.hook.as_str(), cut(&decision.request.resource));
        let span = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(end.checked_sub(decision.took).unwrap_or(end));
        let mut span = self.tracer.build_with_context(span, &parent);
        if span.is_recording() {
            span.set_attributes(attributes(decision));
            if let Some(why) = failure(decision.outcome) {
                span.set_status(Status::error(why));
            }
        }
        span.end_with_timestamp(end);
    }

    /// Sends the remaining spans and shuts down. Blocks for at most a few seconds.
    pub fn finish(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH) {
            tracing::warn!(%error, "the last traces were not delivered");
        }
    }
}

/// The resource of all spans. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence.
fn resource() -> Resource {
    let given = Resource::builder().build();
    let mut ours = vec![
        KeyValue::new("service.name", "portcullis"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    for (key, variable) in [("k8s.pod.name", "POD_NAME"), ("k8s.namespace.name", "POD_NAMESPACE")] {
        ours.extend(std::env::var(variable).ok().map(|value| KeyValue::new(key, value)));
    }
    let is_given = |key: &KeyValue| {
        let value = given.get_ref(&key.key).map(Value::as_str);
        value.is_some_and(|value| !value.starts_with("unknown_service"))
    };
    ours.retain(|attribute| !is_given(attribute));
    Resource::builder().with_attributes(ours).build()
}

fn attributes(decision: &Decision<'_>) -> Vec<KeyValue> {
    let Decision { hook, request, outcome, answer, .. } = *decision;
    let text = |value: &str| cut(value).to_owned();
    let mut attributes = vec![
        KeyValue::new("portcullis.hook", hook.as_str()),
        KeyValue::new("portcullis.uid", text(&request.uid)),
        KeyValue::new("portcullis.operation", request.operation.as_str()),
        KeyValue::new("portcullis.resource.group", text(&request.resource_group)),
        KeyValue::new("portcullis.resource", text(&request.resource)),
        KeyValue::new("portcullis.subresource", text(&request.subresource)),
        KeyValue::new("portcullis.request.dry_run", request.dry_run),
        KeyValue::new("portcullis.outcome", metrics::word(outcome)),
        KeyValue::new("portcullis.allowed", answer.denial.is_none()),
        KeyValue::new("k8s.namespace.name", text(&request.namespace)),
    ];
    if let Outcome::Harden(hardening) = outcome {
        let fields = hardening.changes.iter().map(|change| change.field.name());
        attributes.push(KeyValue::new("portcullis.hardened", list(fields)));
    }
    if let Some(first) = outcome.verdicts().next() {
        let policy = first.policy().modes.enforce.to_string();
        attributes.push(KeyValue::new("portcullis.policy", policy));
        let violations = outcome.verdicts().flat_map(|verdict| &verdict.enforce);
        let controls = violations.map(|violation| violation.requirement.id());
        attributes.push(KeyValue::new("portcullis.violations", list(controls)));
    }
    attributes
}

/// The words without duplicates.
fn list(words: impl Iterator<Item = &'static str>) -> Value {
    let mut unique: Vec<StringValue> = Vec::new();
    for word in words.map(StringValue::from) {
        if !unique.contains(&word) {
            unique.push(word);
        }
    }
    Value::Array(Array::String(unique))
}

/// Why the request could not be judged, in fixed words.
fn failure(outcome: &Outcome<'_>) -> Option<&'static str> {
    let (Outcome::Refuse(error) | Outcome::Pass(error)) = outcome else { return None };
    match error {
        ReviewError::Lookup { .. } => Some("the namespace could not be looked up"),
        ReviewError::Malformed { .. } | ReviewError::Object { .. } => {
            Some("the object cannot be read")
        }
        ReviewError::UnknownResource => Some("no pod template is known in this resource"),
        ReviewError::TooLarge { .. } => Some("the request is too large"),
        // A denial because of the object's content, not a failure.
        ReviewError::Labels(_) => None,
    }
}
