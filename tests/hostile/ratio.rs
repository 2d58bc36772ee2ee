//! Steps that allocate nothing, as processor time of four times the size to once. A loop within a loop takes sixteen
//! times as long, and at most eight is allowed.

use cpu_time::ThreadTime;

use crate::{
    cases::Case,
    fields::Fields,
    namespaces,
    reviews::{cases, said},
    world::{Asked, World, asks, logged},
};

/// What takes less than this has no loop worth finding, in microseconds.
const FLOOR: u64 = 5_000;
/// The most that a byte may take of what it took in a text of a quarter of the size.
const MOST: f64 = 2.0;
/// A machine that is busy with other things is asked again: a loop within a loop is there each time.
const ATTEMPTS: usize = 4;
/// The longest list that the ratio begins with.
const LONGEST: usize = 4_000;

/// Processor time of this thread, the least of some runs, in microseconds.
fn time(world: &World, body: &str, asked: Asked) -> u64 {
    let runs = (0..4).map(|_| {
        let start = ThreadTime::now();
        world.review(body.as_bytes(), asked);
        u64::try_from(start.elapsed().as_micros()).unwrap()
    });
    runs.min().unwrap().max(1)
}

/// How much longer a byte takes in the large one.
fn held(world: &World, name: &str, asked: Asked, small: &str, large: &str) -> f64 {
    let mut last = (0, 0, 0.0);
    for _ in 0..ATTEMPTS {
        let (before, after) = (time(world, small, asked), time(world, large, asked));
        let grown = large.len() as f64 / small.len() as f64;
        last = (before, after, after as f64 / before as f64 / grown);
        if after < FLOOR || last.2 < MOST {
            return last.2;
        }
    }
    let (small, large, (before, after, _)) = (small.len(), large.len(), last);
    panic!("{name}: {asked:?}: {small} bytes: {before} us, {large} bytes: {after} us");
}

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
            if said(&world, &small, asked) == said(&world, &large, asked) {
                compared += 1;
                worst = worst.max(held(&world, &format!("case {seed}"), asked, &small, &large));
            }
        }
        eprintln!("together: time a byte grows by {worst:.2} at most, over {compared} cases");
        assert!(compared * 2 > cases() / 3, "{compared}: most cases are refused");
    });
}

/// Each list alone, as long as it is taken.
#[test]
fn a_list_four_times_as_long_takes_no_more_than_eight_times_as_long() {
    let (world, fields, asks) = (World::new(), Fields::read(), asks());
    logged(|| {
        let (mut worst, mut compared) = (0.0_f64, 0);
        let is_full = cases() > 60;
        let rows = fields.rows();
        let lists = rows.iter().filter(|row| row.depth() > 0);
        for (number, row) in lists.enumerate() {
            // Else those that are longest in practice.
            if !is_full && !["hostPort", "sysctls"].iter().any(|list| row.0.contains(list)) {
                continue;
            }
            let asked = asks[number % asks.len()];
            let halves = std::iter::successors(Some(LONGEST), |length| Some(length / 2));
            let taken = halves.take_while(|length| *length > 200).find_map(|length| {
                let (small, large) = (Case::long(row, length), Case::long(row, length * 4));
                let (small, large) = (small.review(1), large.review(1));
                let is_same = said(&world, &small, asked) == said(&world, &large, asked);
                is_same.then_some((small, large))
            });
            if let Some((small, large)) = taken {
                compared += 1;
                worst = worst.max(held(&world, &row.0, asked, &small, &large));
            }
        }
        eprintln!("lists: time a byte grows by {worst:.2} at most, over {compared} lists");
        assert!(compared > 2, "{compared}: most lists are refused");
    });
}

#[test]
fn a_namespace_four_times_as_large_takes_no_more_than_eight_times_as_long() {
    let (world, asks) = (World::new(), asks());
    logged(|| {
        for seed in 0..cases() / 3 {
            let (small, large) = (namespaces::review(seed, 1), namespaces::review(seed, 4));
            held(&world, &format!("namespace {seed}"), asks[0], &small, &large);
        }
    });
}
