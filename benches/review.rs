//! What a review costs between its body and its answer, step by step: decode, evaluate, harden, respond.
//!
//! Without the network; `benches/webhook` measures the server as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::{collections::BTreeMap, hint::black_box};

use admission::{Hook, Outcome, Request, Review, Unlisted};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use policy::{
    config::Config,
    harden::{self, Scope},
    pss::{self, Defaults, Level, LevelVersion, NEWEST, Pod},
    verdict::{Context, ExceptionsAt},
    workloads::Object,
};
use portcullis::telemetry::{self, Decision, Metrics};

/// Realistic pods that pass restricted, as the API server sends them after `kubectl apply`.
const REVIEWS: [(&str, &str); 2] = [
    ("3k", include_str!("../tests/reviews/realistic_3k.json")),
    ("12k", include_str!("../tests/reviews/realistic_12k.json")),
];

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, review) in REVIEWS {
        group.throughput(Throughput::Bytes(review.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                Request::decode(black_box(review.as_bytes()), policy::workloads::Kinds::default())
            });
        });
    }
}

fn evaluate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("evaluate");
    each_pod(|name, pod| {
        for level in [Level::Baseline, Level::Restricted] {
            group.bench_function(BenchmarkId::new(level.as_str(), name), |b| {
                b.iter(|| pss::evaluate(level, NEWEST, black_box(pod)));
            });
        }
    });
}

/// Hardens the pod without its securityContexts.
fn harden(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("harden");
    let settings = Config::embedded().harden;
    each_pod(|name, pod| {
        let mut bare = pod.clone();
        bare.spec.security_context = None;
        for kind in pss::ContainerKind::ALL {
            bare.spec
                .list_mut(kind)
                .iter_mut()
                .for_each(|container| container.security_context = None);
        }
        group.bench_function(name, |b| {
            b.iter(|| {
                let changes = harden::plan(black_box(&bare), &settings, Scope::Create);
                harden::patch(&bare, &changes, &harden::in_pod)
            });
        });
    });
}

/// Builds the text of the response, and counts the decision.
fn respond(criterion: &mut Criterion) {
    let Ok(metrics) = Metrics::new(0) else { return };
    let restricted = LevelVersion::latest(Level::Restricted);
    let mut config = Config::embedded();
    config.defaults = Defaults { enforce: restricted, audit: restricted, warn: restricted };
    let context = Context { config: &config, newest: NEWEST, excepted: ExceptionsAt::none() };
    let mut group = criterion.benchmark_group("respond");
    each_request(|name, request| {
        let hook = Hook::Validate;
        let outcome = decided(admission::review(hook, request, context));
        group.bench_function(name, |b| {
            b.iter(|| {
                let answer = admission::answer(black_box(&outcome), request, config.mode);
                let body = admission::respond(&answer, &request.uid);
                let took = std::time::Duration::from_micros(100);
                let decision =
                    Decision { hook, request, outcome: &outcome, answer: &answer, context, took };
                telemetry::record(&metrics, &decision);
                body
            });
        });
    });
}

fn decided(review: Review<'_>) -> Outcome<'_> {
    match review {
        Review::Decided(outcome) => outcome,
        Review::AwaitsPolicy(review) => review.with(Ok(&BTreeMap::new())),
        Review::AwaitsPods(review) => {
            let none = review.scan().finish(Unlisted::Known(0));
            review.with(none)
        }
    }
}

fn each_request(mut with: impl FnMut(&str, &Request<'_>)) {
    for (name, review) in REVIEWS {
        if let Ok(request) = Request::decode(review.as_bytes(), policy::workloads::Kinds::default())
        {
            with(name, &request);
        }
    }
}

fn each_pod(mut with: impl FnMut(&str, &Pod<'_>)) {
    each_request(|name, request| {
        if let Object::Pod(pod) = &request.object {
            with(name, pod);
        }
    });
}

criterion_group!(benches, decode, evaluate, harden, respond);
criterion_main!(benches);
