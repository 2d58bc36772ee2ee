//! Prometheus metrics: upstream's three counters with upstream's names and labels, and Portcullis' own.
//!
//! No label takes text from a request: anything but a few known words counts as `other`. NamespaceDenials are the only
//! exception, off by default and limited in number.

use std::{collections::HashSet, sync::Mutex};

use prometheus::{
    Histogram, IntCounter, IntCounterVec, Registry, register_gauge_vec_with_registry as gauge_vec,
    register_histogram_vec_with_registry as histogram_vec,
    register_int_counter_vec_with_registry as counter_vec,
    register_int_counter_with_registry as counter,
};

use admission::{Effect, Hook, Outcome, Request, ReviewError};
use policy::{
    pss::{Level, LevelVersion, Levels, Version},
    requirement::Violation,
    verdict::Verdict,
    workloads::Target,
};

use crate::cluster::ApiError;

use super::Decision;

/// Histogram bounds of request durations, in seconds. They reach beyond half of the webhook timeout, to show how slow
/// the slowest requests are.
const BUCKETS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// The label value for a policy that an exception relaxed.
const EXCEPTION: &str = "exception";
const PROFILE: &str = "profile";

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    evaluations: IntCounterVec,
    exemptions: IntCounterVec,
    errors: IntCounterVec,
    duration: [Histogram; 2],
    requests: IntCounterVec,
    violations: IntCounterVec,
    hardened: IntCounterVec,
    excepted: IntCounterVec,
    lapsed: IntCounter,
    namespaces: Option<NamespaceDenials>,
    /// Requests answered with 503.
    pub shed: IntCounter,
    /// Lists of existing pods that did not complete, by `reason`.
    pub pods_unlisted: IntCounterVec,
    /// Requests that were not admission reviews.
    pub malformed: IntCounter,
}

/// Denials by namespace, for a limited number of namespaces.
#[derive(Debug)]
struct NamespaceDenials {
    denials: IntCounterVec,
    known: Mutex<HashSet<String>>,
    most: usize,
}

impl Metrics {
    /// Registers all metrics. `namespaces` limits the number of namespaces with series of their own; 0 disables them.
    ///
    /// # Errors
    /// Two metrics with the same name.
    pub fn new(namespaces: usize) -> prometheus::Result<Self> {
        let registry = &Registry::new();
        let duration = histogram_vec!(
            "portcullis_request_duration_seconds",
            "From the beginning of the body to the answer.",
            &["hook"],
            BUCKETS.to_vec(),
            registry
        )?;
        let labels = &["version", "newest_policy_version"];
        let info = gauge_vec!("portcullis_build_info", "Always 1.", labels, registry)?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION"), &policy::pss::NEWEST.to_string()])
            .set(1.0);
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let counters =
            |name: &str, help: &str, labels: &[&str]| counter_vec!(name, help, labels, registry);
        let counter = |name: &str, help: &str| counter!(name, help, registry);
        let metrics = Self {
            evaluations: counters(
                "pod_security_evaluations_total",
                "Policy evaluations, not counting ignored or exempt requests. Where a namespace is held to several levels, each of them counts, with the decision on the request.",
                &[
                    "decision",
                    "policy_level",
                    "policy_version",
                    "mode",
                    "request_operation",
                    "resource",
                    "subresource",
                ],
            )?,
            exemptions: counters(
                "pod_security_exemptions_total",
                "Exempt requests, not counting ignored ones.",
                &["request_operation", "resource", "subresource"],
            )?,
            errors: counters(
                "pod_security_errors_total",
                "Errors that prevented normal evaluation; not fatal ones fell back to restricted:latest.",
                &["fatal", "request_operation", "resource", "subresource"],
            )?,
            duration: [Hook::Validate, Hook::Mutate]
                .map(|hook| duration.with_label_values(&[hook.as_str()])),
            requests: counters(
                "portcullis_requests_total",
                "Reviews answered, by what was decided.",
                &["hook", "outcome"],
            )?,
            violations: counters(
                "portcullis_violations_total",
                "Broken controls, by mode of the namespace's policy.",
                &["control", "mode"],
            )?,
            hardened: counters(
                "portcullis_hardened_fields_total",
                "Fields that hardening set (apply) or would have set (report).",
                &["field", "mode"],
            )?,
            excepted: counters(
                "portcullis_excepted_total",
                "Pods and templates judged that an exception or their profile's allow covers, whether they needed it or not.",
                &["relaxation", "outcome"],
            )?,
            lapsed: counter(
                "portcullis_denials_after_expiry_total",
                "Pods denied that an exception would have covered, had it not expired.",
            )?,
            namespaces: match namespaces {
                0 => None,
                most => Some(NamespaceDenials {
                    denials: counters(
                        "portcullis_namespace_denials_total",
                        "Pods that violate what their namespace enforces; namespaces beyond the cap are `other`.",
                        &["namespace"],
                    )?,
                    known: Mutex::default(),
                    most,
                }),
            },
            shed: counter(
                "portcullis_requests_shed_total",
                "Requests answered with 503 for want of memory.",
            )?,
            pods_unlisted: counters(
                "portcullis_pod_lists_incomplete_total",
                "Lists of a namespace's existing pods that were not made or not finished, for want of rate, memory or time, or by an error.",
                &["reason"],
            )?,
            malformed: counter(
                "portcullis_requests_malformed_total",
                "Requests that were no reviews.",
            )?,
            registry: registry.clone(),
        };
        metrics.start_as_upstream();
        for relaxation in [EXCEPTION, PROFILE] {
            for outcome in ["allowed", "denied", "template", "template_rejected"] {
                metrics.excepted.with_label_values(&[relaxation, outcome]);
            }
        }
        for reason in ApiError::KINDS {
            metrics.pods_unlisted.with_label_values(&[reason]);
        }
        Ok(metrics)
    }

    /// Creates the most common series at zero, as upstream does. Also those of errors: `increase()` does not see a
    /// series that begins at one.
    fn start_as_upstream(&self) {
        for operation in ["create", "update"] {
            let privileged = ["allow", "privileged", "latest", "enforce", operation, "pod", ""];
            self.evaluations.with_label_values(&privileged);
            for resource in ["pod", "controller"] {
                self.exemptions.with_label_values(&[operation, resource, ""]);
                for fatal in ["true", "false"] {
                    self.errors.with_label_values(&[fatal, operation, resource, ""]);
                }
            }
        }
    }

    /// The registry behind `/metrics`.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The counter of Events, if they are written.
    ///
    /// # Errors
    /// The counter exists already.
    pub fn events(&self) -> prometheus::Result<IntCounterVec> {
        let help = "Events of denied pods: written, repeated (the same was said lately), dropped (too many), failed.";
        counter_vec!("portcullis_events_total", help, &["result"], self.registry)
    }

    pub(super) fn count(&self, decision: &Decision<'_>) {
        let Decision { hook, request, outcome, .. } = *decision;
        let [validate, mutate] = &self.duration;
        match hook {
            Hook::Validate => validate,
            Hook::Mutate => mutate,
        }
        .observe(decision.took.as_secs_f64());
        self.requests.with_label_values(&[hook.as_str(), word(outcome)]).inc();
        if hook == Hook::Validate {
            self.count_as_upstream(decision);
        }
        match outcome {
            Outcome::Pod(verdict) => {
                self.count_violations(verdict);
                self.count_excepted(verdict, word(outcome));
                if !verdict.enforce.is_empty() {
                    self.count_namespace(request);
                    if !verdict.exceptions.missed.is_empty() {
                        self.lapsed.inc();
                    }
                }
            }
            Outcome::Workload { held, .. } => {
                for one in held {
                    self.count_violations(&one.verdict);
                    self.count_excepted(&one.verdict, word(outcome));
                }
            }
            Outcome::Harden(hardening) => {
                for change in &hardening.changes {
                    let labels = [change.field.name(), hardening.effect.as_str()];
                    self.hardened.with_label_values(&labels).inc();
                }
            }
            Outcome::Ignore
            | Outcome::Exempt(_)
            | Outcome::Privileged
            | Outcome::Namespace(_)
            | Outcome::Pass(_) => {}
            Outcome::Refuse(error) => {
                if matches!(error, ReviewError::Malformed { .. }) {
                    self.malformed.inc();
                }
            }
        }
    }

    /// Updates upstream's counters where upstream does (`admission/admission.go`).
    fn count_as_upstream(&self, decision: &Decision<'_>) {
        let Decision { request, outcome, .. } = *decision;
        let of = Labels::of(request);
        match outcome {
            Outcome::Exempt(_) => self.exemptions.with_label_values(&of.0).inc(),
            Outcome::Privileged => {
                self.count_evaluation("allow", "enforce", Levels::PRIVILEGED, decision);
            }
            Outcome::Pod(verdict) => {
                self.count_invalid_labels(verdict, &of);
                let is_allowed = verdict.enforce.is_empty();
                let word = if is_allowed { "allow" } else { "deny" };
                let enforced = verdict.policy().modes.enforce;
                self.count_evaluation(word, "enforce", enforced, decision);
                self.count_advice(verdict, is_allowed, decision);
            }
            Outcome::Workload { held, .. } => {
                for one in held {
                    self.count_invalid_labels(&one.verdict, &of);
                    self.count_advice(&one.verdict, true, decision);
                }
            }
            // Upstream's webhook answers these before it counts, and counts nothing for a namespace.
            Outcome::Refuse(
                ReviewError::Malformed { .. }
                | ReviewError::TooLarge { .. }
                | ReviewError::Labels(_),
            ) => {}
            Outcome::Refuse(_) if request.target() == Target::Namespace => {}
            Outcome::Refuse(_) | Outcome::Pass(_) => self.count_error("true", &of),
            Outcome::Ignore | Outcome::Namespace(_) | Outcome::Harden(_) => {}
        }
    }

    fn count_advice(&self, verdict: &Verdict<'_>, is_allowed: bool, decision: &Decision<'_>) {
        let modes = verdict.policy().modes;
        if !verdict.audit.is_empty() {
            self.count_evaluation("deny", "audit", modes.audit, decision);
        }
        // A denied request gets no warnings, so none are counted.
        if is_allowed && !verdict.warn.is_empty() {
            self.count_evaluation("deny", "warn", modes.warn, decision);
        }
    }

    fn count_evaluation(&self, verdict: &str, mode: &str, levels: Levels, decision: &Decision<'_>) {
        let [operation, resource, subresource] = Labels::of(decision.request).0;
        // Upstream has one level per mode. With several, each is enforced, and a violation of one counts for all.
        for LevelVersion { level, version } in levels.iter() {
            let version = match version {
                Version::V1(minor) if level != Level::Privileged && minor > decision.newest() => {
                    "future"
                }
                Version::V1(_) if level != Level::Privileged => &version.to_string(),
                Version::V1(_) | Version::Latest => "latest",
            };
            let labels = [verdict, level.as_str(), version, mode, operation, resource, subresource];
            self.evaluations.with_label_values(&labels).inc();
        }
    }

    fn count_invalid_labels(&self, verdict: &Verdict<'_>, of: &Labels) {
        if !verdict.policy().invalid.is_empty() {
            self.count_error("false", of);
        }
    }

    fn count_error(&self, fatal: &str, of: &Labels) {
        let [operation, resource, subresource] = of.0;
        self.errors.with_label_values(&[fatal, operation, resource, subresource]).inc();
    }

    fn count_violations(&self, verdict: &Verdict<'_>) {
        let modes: [(&str, &[Violation]); 3] =
            [("enforce", &verdict.enforce), ("audit", &verdict.audit), ("warn", &verdict.warn)];
        for (mode, violations) in modes {
            for violation in violations {
                self.violations.with_label_values(&[violation.requirement.id(), mode]).inc();
            }
        }
    }

    fn count_excepted(&self, verdict: &Verdict<'_>, outcome: &str) {
        if !verdict.exceptions.by.is_empty() {
            self.excepted.with_label_values(&[EXCEPTION, outcome]).inc();
        }
        if verdict.policy().grants().any(|grant| !grant.relaxation.is_empty()) {
            self.excepted.with_label_values(&[PROFILE, outcome]).inc();
        }
    }

    fn count_namespace(&self, request: &Request<'_>) {
        let Some(namespaces) = &self.namespaces else { return };
        let mut known = namespaces.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let name = request.namespace.as_str();
        if !known.contains(name) && known.len() < namespaces.most {
            known.insert(name.to_owned());
        }
        let label = if known.contains(name) { name } else { "other" };
        namespaces.denials.with_label_values(&[label]).inc();
    }
}

/// The outcome as a label value.
pub(super) fn word(outcome: &Outcome<'_>) -> &'static str {
    match outcome {
        Outcome::Ignore => "ignored",
        Outcome::Exempt(_) => "exempt",
        Outcome::Privileged => "privileged",
        Outcome::Pod(verdict) if verdict.enforce.is_empty() => "allowed",
        Outcome::Pod(_) => "denied",
        Outcome::Workload { held, .. } => {
            match held.iter().all(|one| one.verdict.enforce.is_empty()) {
                true => "template",
                false => "template_rejected",
            }
        }
        Outcome::Namespace(_) => "namespace",
        Outcome::Harden(hardening) if hardening.changes.is_empty() => "already_hard",
        Outcome::Harden(hardening) => match hardening.effect {
            Effect::Apply => "hardened",
            Effect::Report => "would_harden",
        },
        Outcome::Refuse(_) => "refused",
        Outcome::Pass(_) => "passed_unjudged",
    }
}

/// `request_operation`, `resource`, `subresource`.
struct Labels([&'static str; 3]);

impl Labels {
    fn of(request: &Request<'_>) -> Self {
        let subresource = match request.subresource.as_str() {
            "" => "",
            "ephemeralcontainers" => "ephemeralcontainers",
            "finalize" => "finalize",
            "resize" => "resize",
            "status" => "status",
            _ => "other",
        };
        let resource = match (request.resource_group.as_str(), request.resource.as_str()) {
            ("", "pods") => "pod",
            ("", "namespaces") => "namespace",
            _ => "controller",
        };
        Self([request.operation.as_str(), resource, subresource])
    }
}
