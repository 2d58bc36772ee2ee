//! The processor time of complete reviews with sixteen times the size: everything besides the steps of judging.

use crate::{
    cases::Case,
    clock::{TIMES, compared},
    fields::Fields,
    namespaces,
    reviews::{answer_to, cases},
    world::{Asked, World, asks, logged},
};

/// Shorter times cannot hide a nested loop, in microseconds.
const FLOOR: f64 = 2_000.0;
/// The initial length of the longest list.
const LONGEST: usize = 1_000;

/// The time per byte of the large review relative to the small one.
fn held(world: &World, name: &str, asked: Asked, small: &str, large: &str) -> f64 {
    let run = |body: &str| drop(world.review(body.as_bytes(), asked));
    let parts = large.len() as f64 / small.len() as f64;
    match compared(FLOOR, parts, || run(small), || run(large)) {
        Ok(times) => times.map_or(0.0, |times| times.ratio()),
        Err(times) => {
            panic!("{name}: {asked:?}: {} and {} bytes: {times}", small.len(), large.len())
        }
    }
}

#[test]
fn sixteen_times_as_much_takes_a_review_sixteen_times_as_long() {
    let (world, fields, asks) = (World::new(), Fields::read(), asks());
    logged(|| {
        let (mut worst, mut compared, tried) = (0.0_f64, 0, cases() / 5);
        for seed in 0..tried {
            let case = Case::small(&fields, seed);
            let (small, large) = (case.review(1), case.review(TIMES));
            let asked = asks[seed as usize % asks.len()];
            // A review with too long lists is refused and not judged, which is another path.
            if answer_to(&world, &small, asked) == answer_to(&world, &large, asked) {
                compared += 1;
                worst = worst.max(held(&world, &format!("case {seed}"), asked, &small, &large));
            }
        }
        eprintln!("together: time a byte grows by {worst:.2} at most, over {compared} cases");
        assert!(compared * 2 > tried, "{compared}: most cases are refused");
    });
}

/// Each list alone, with its maximum length.
#[test]
fn a_list_sixteen_times_as_long_takes_a_review_sixteen_times_as_long() {
    let (world, fields, asks) = (World::new(), Fields::read(), asks());
    logged(|| {
        let (mut worst, mut compared) = (0.0_f64, 0);
        let is_full = cases() > 60;
        let rows = fields.rows();
        let lists = rows.iter().filter(|row| row.depth() > 0);
        for (number, row) in lists.enumerate() {
            // Otherwise only the longest lists in practice.
            if !is_full && !["hostPort", "sysctls"].iter().any(|list| row.0.contains(list)) {
                continue;
            }
            let asked = asks[number % asks.len()];
            let halves = std::iter::successors(Some(LONGEST), |length| Some(length / 2));
            let taken = halves.take_while(|length| *length > 50).find_map(|length| {
                let (small, large) = (Case::long(row, length), Case::long(row, length * TIMES));
                let (small, large) = (small.review(1), large.review(1));
                let is_same = answer_to(&world, &small, asked) == answer_to(&world, &large, asked);
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
fn a_namespace_sixteen_times_as_large_takes_sixteen_times_as_long() {
    let (world, asks) = (World::new(), asks());
    logged(|| {
        for seed in 0..cases() / 3 {
            let (small, large) = (namespaces::review(seed, 1), namespaces::review(seed, TIMES));
            held(&world, &format!("namespace {seed}"), asks[0], &small, &large);
        }
    });
}
