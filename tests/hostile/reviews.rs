//! What hostile reviews cost.

use std::{collections::BTreeMap, fmt};

use allocation_counter::{AllocationInfo, measure};
use cpu_time::ThreadTime;
use serde_json::Value;

use crate::{
    cases::Case,
    fields::Fields,
    world::{Asked, World, asks, logged},
};

/// Beside twice the body, in bytes.
const BESIDE: u64 = 1 << 20;
/// Of all that is allocated, a byte of the body; and beside that, in bytes.
const WORK: u64 = 64;
const WORK_BESIDE: u64 = 2 << 20;

/// Cases of an ordinary run.
const CASES: u64 = 60;

const LISTS: [&str; 3] =
    ["spec.initContainers[]", "spec.containers[]", "spec.ephemeralContainers[]"];

/// The worst that was seen.
#[derive(Default)]
struct Worst {
    cases: u64,
    /// How many were answered how.
    said: BTreeMap<String, u64>,
    /// Of the peak, what is above 1 MiB as a share of the body; the peak itself.
    peak: (f64, u64),
    work: f64,
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, said, peak: (over, peak), work } = self;
        write!(
            f,
            "{cases} reviews; at the peak {peak} bytes, or 1 MiB and {over:.2} a byte of the body; "
        )?;
        write!(f, "in all 2 MiB and {work:.1} bytes a byte; allowed, code, not judged: {said:?}")
    }
}

fn cost(world: &World, body: &[u8], asked: Asked) -> AllocationInfo {
    // What is made once and stays.
    world.review(body, asked);
    measure(|| drop(world.review(body, asked)))
}

fn held(world: &World, case: &Case, name: &str, asked: Asked, worst: &mut Worst) {
    let body = case.review(1);
    let size = body.len() as u64;
    let cost = cost(world, body.as_bytes(), asked);
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
    worst.cases += 1;
    *worst.said.entry(said(world, &body, asked)).or_default() += 1;
    let over = cost.bytes_max.saturating_sub(BESIDE) as f64 / size as f64;
    worst.peak = (worst.peak.0.max(over), worst.peak.1.max(cost.bytes_max));
    let work = cost.bytes_total.saturating_sub(WORK_BESIDE) as f64 / size as f64;
    worst.work = worst.work.max(work);
}

fn cases() -> u64 {
    std::env::var("PORTCULLIS_HOSTILE").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

#[test]
fn each_field_alone_costs_no_more_than_its_size() {
    let (world, fields, asks, mut worst) = (World::new(), Fields::read(), asks(), Worst::default());
    logged(|| {
        let is_full = cases() > CASES;
        for (number, row) in fields.rows().iter().enumerate() {
            // Else each field of a container in one of the three lists.
            let list = LISTS.iter().position(|list| row.0.starts_with(list));
            if !is_full && list.is_some_and(|list| number % LISTS.len() != list) {
                continue;
            }
            for round in 0..(cases() / 100).max(1) {
                let seed = round * 1000 + number as u64;
                let case = Case::alone(row, seed);
                let asked = asks[(number + round as usize * 7) % asks.len()];
                held(&world, &case, &format!("{} {seed}", row.0), asked, &mut worst);
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
                &Case::together(&fields, seed),
                &format!("case {seed}"),
                asked,
                &mut worst,
            );
        }
    });
    eprintln!("together: {worst}");
}

/// Whether it is allowed, or with which code it is denied.
fn said(world: &World, body: &str, asked: Asked) -> String {
    let answer: Value = serde_json::from_slice(&world.review(body.as_bytes(), asked)).unwrap();
    let response = &answer["response"];
    let is_noted = |key: &str| response["auditAnnotations"].get(key).is_some();
    format!("{} {} {}", response["allowed"], response["status"]["code"], is_noted("error"))
}

/// Processor time of this thread, the least of some runs, in microseconds.
fn time(world: &World, body: &[u8], asked: Asked) -> u64 {
    let runs = (0..5).map(|_| {
        let start = ThreadTime::now();
        world.review(body, asked);
        u64::try_from(start.elapsed().as_micros()).unwrap()
    });
    runs.min().unwrap().max(1)
}

/// Four times as much takes at most eight times as long, where a loop within a loop takes sixteen.
#[test]
fn four_times_as_much_takes_no_more_than_eight_times_as_long() {
    let (world, fields, asks) = (World::new(), Fields::read(), asks());
    logged(|| {
        let (mut worst, mut compared) = (0.0_f64, 0);
        for seed in 0..cases() / 3 {
            let case = Case::together(&fields, seed);
            let (small, large) = (case.review(1), case.review(4));
            let asked = asks[seed as usize % asks.len()];
            // A review whose lists are refused is not judged: that is another way.
            let is_same = said(&world, &small, asked) == said(&world, &large, asked);
            if !is_same {
                continue;
            }
            compared += 1;
            let before = time(&world, small.as_bytes(), asked);
            let after = time(&world, large.as_bytes(), asked);
            let grown = large.len() as f64 / small.len() as f64;
            let ratio = after as f64 / before as f64 / grown;
            // What takes less than this has no loop worth finding.
            if after > 20_000 {
                assert!(
                    ratio < 2.0,
                    "case {seed}: {asked:?}: {} bytes: {before} us, {}: {after} us",
                    small.len(),
                    large.len()
                );
                worst = worst.max(ratio);
            }
        }
        eprintln!("time a byte grows by {worst:.2} at most, over {compared} cases");
        assert!(compared * 2 > cases() / 3, "{compared}: most cases are refused");
    });
}
