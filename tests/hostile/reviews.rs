//! The cost of hostile reviews.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use admission::Hook;
use allocation_counter::measure;
use cpu_time::ThreadTime;
use policy::{config::Mode, json::memory, requirement::Requirement};
use serde_json::Value;

use crate::{
    cases::Case,
    clock::TIMES,
    fields::Fields,
    namespaces,
    world::{Asked, World, asks, logged},
};

/// The constant added to twice the size of the body, in bytes.
const BESIDE: u64 = 1 << 20;
/// Total allocations per byte of the body, and a constant in bytes: 32 times the limit of the lists in a body. A pod is
/// copied for each requirement that an exception lifts for some of its containers.
const WORK: u64 = 64;
const WORK_BESIDE: u64 = 32 * memory(0) as u64;

/// The largest review that is decided on the thread that read it, in bytes: `BodyLimits::small`.
const SMALL: usize = 256 << 10;

/// The number of cases in an ordinary run.
const CASES: u64 = 60;

const LISTS: [&str; 3] =
    ["spec.initContainers[]", "spec.containers[]", "spec.ephemeralContainers[]"];

/// The maxima so far.
#[derive(Default)]
pub(crate) struct Worst {
    cases: u64,
    /// The number of responses of each kind.
    answers: BTreeMap<String, u64>,
    /// The peak above 1 MiB relative to the body, and the peak itself.
    peak: (f64, u64),
    work: f64,
    /// The slowest review that is decided on the thread that read it.
    inline: (Duration, String),
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, answers, peak: (over, peak), work, inline: (took, slowest) } = self;
        write!(
            f,
            "{cases} reviews; at the peak {peak} bytes, or 1 MiB and {over:.2} a byte of the body; "
        )?;
        writeln!(
            f,
            "in all 4 MiB and {work:.1} bytes a byte; allowed, code, not judged: {answers:?}"
        )?;
        write!(f, "  the longest of at most {SMALL} bytes: {took:.1?}: {slowest}")
    }
}

/// Judges a body and checks that the cost is linear in its size. Returns the response.
pub(crate) fn held(
    world: &World,
    body: &str,
    name: &str,
    asked: Asked,
    worst: &mut Worst,
) -> Value {
    let size = body.len() as u64;
    let mut answer = Vec::new();
    let start = ThreadTime::now();
    let cost = measure(|| answer = world.review(body.as_bytes(), asked));
    let took = start.elapsed();
    assert!(
        cost.bytes_max <= 2 * size + BESIDE,
        "{name}: {asked:?}: {size} bytes took {} at the peak",
        cost.bytes_max
    );
    assert!(
        cost.bytes_total <= WORK * size + WORK_BESIDE,
        "{name}: {asked:?}: {size} bytes took {} in all",
        cost.bytes_total
    );
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    worst.cases += 1;
    *worst.answers.entry(summary(&answer)).or_default() += 1;
    let over = cost.bytes_max.saturating_sub(BESIDE) as f64 / size as f64;
    worst.peak = (worst.peak.0.max(over), worst.peak.1.max(cost.bytes_max));
    let work = cost.bytes_total.saturating_sub(WORK_BESIDE) as f64 / size as f64;
    worst.work = worst.work.max(work);
    if body.len() <= SMALL && took > worst.inline.0 {
        worst.inline = (took, format!("{name}, {size} bytes, {asked:?}"));
    }
    answer
}

pub(crate) fn cases() -> u64 {
    std::env::var("PORTCULLIS_HOSTILE").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

#[test]
fn each_field_alone_costs_no_more_than_its_size() {
    let (world, fields, asks, mut worst) = (World::new(), Fields::read(), asks(), Worst::default());
    logged(|| {
        let is_full = cases() > CASES;
        for (number, row) in fields.rows().iter().enumerate() {
            // Otherwise each field of a container in one of the three lists.
            let list = LISTS.iter().position(|list| row.0.starts_with(list));
            if !is_full && list.is_some_and(|list| number % LISTS.len() != list) {
                continue;
            }
            for round in 0..(cases() / 100).max(1) {
                let seed = round * 1000 + number as u64;
                let case = Case::alone(row, seed);
                let asked = asks[(number + round as usize * 7) % asks.len()];
                held(&world, &case.review(1), &format!("{} {seed}", row.0), asked, &mut worst);
            }
        }
    });
    eprintln!("alone: {worst}");
}

#[test]
fn fields_together_cost_no_more_than_their_size() {
    let (world, fields, asks, mut worst) = (World::new(), Fields::read(), asks(), Worst::default());
    logged(|| {
        for seed in 0..cases() {
            let asked = asks[seed as usize % asks.len()];
            held(
                &world,
                &Case::together(&fields, seed).review(1),
                &format!("case {seed}"),
                asked,
                &mut worst,
            );
        }
    });
    eprintln!("together: {worst}");
}

/// Whether it is allowed, or the code of the denial.
pub(crate) fn answer_to(world: &World, body: &str, asked: Asked) -> String {
    summary(&serde_json::from_slice(&world.review(body.as_bytes(), asked)).unwrap())
}

fn summary(answer: &Value) -> String {
    let response = &answer["response"];
    let is_noted = |key: &str| response["auditAnnotations"].get(key).is_some();
    format!("{} {} {}", response["allowed"], response["status"]["code"], is_noted("error"))
}

#[test]
fn a_namespace_costs_no_more_than_its_size() {
    let (world, asks, mut worst) = (World::new(), asks(), Worst::default());
    logged(|| {
        for seed in 0..cases() {
            let asked = asks[seed as usize % asks.len()];
            let body = namespaces::review(seed, TIMES);
            held(&world, &body, &format!("namespace {seed}"), asked, &mut worst);
        }
    });
    eprintln!("namespaces: {worst}");
    assert!(worst.answers.keys().any(|answer| answer.contains("422")), "no label is refused");
}

/// The ids of controls and rules in a denial.
fn denied(answer: &Value) -> BTreeSet<String> {
    let causes = answer["response"]["status"]["details"]["causes"].as_array().cloned();
    let causes = causes.unwrap_or_default().into_iter();
    causes.filter_map(|cause| cause["reason"].as_str().map(str::to_owned)).collect()
}

/// Each field with each invalid value, under every policy that denies: covers every control and rule.
#[test]
fn every_requirement_is_broken_by_a_hostile_review() {
    let (world, fields, mut worst) = (World::enforcing(), Fields::read(), Worst::default());
    let enforcing: Vec<_> = asks()
        .into_iter()
        .filter(|asked| asked.hook == Hook::Validate && asked.mode == Mode::Enforce)
        .collect();
    let mut broken = BTreeSet::new();
    logged(|| {
        for (number, row) in fields.rows().iter().enumerate() {
            let bodies =
                [8, 0, 300].map(|length| Case::broken(row, number as u64, length).review(1));
            for (asked, body) in enforcing.iter().zip(bodies.iter().chain([&bodies[0]; 2])) {
                broken.extend(denied(&held(&world, body, &row.0, *asked, &mut worst)));
            }
        }
    });
    eprintln!("broken: {worst}");
    let missing: Vec<_> =
        Requirement::all().map(Requirement::id).filter(|id| !broken.contains(*id)).collect();
    assert!(missing.is_empty(), "no review breaks {missing:?}");
}
