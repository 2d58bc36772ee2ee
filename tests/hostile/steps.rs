//! The time of each step of judging alone: every control in each of its revisions, every rule, and hardening. In a
//! complete review, other linear work could hide a nested loop; alone, it takes sixteen times as long.

use std::{hint::black_box, path::Path};

use policy::{
    harden::{self, Scope},
    pss::{CONTROLS, FindingLimits, Findings, Pod},
    rules::Images,
};
use portcullis::config;

use crate::{
    clock::{TIMES, compared},
    fields::{self, Fields, Piece, Row},
    random::Random,
    text::Shape,
    world::CONFIG,
};

/// Shorter times cannot hide a nested loop, in microseconds: reviews may take 100 ms in a release build.
const FLOOR: f64 = 300.0;

type Run = Box<dyn Fn(&Pod<'_>)>;

fn steps() -> Vec<(String, Run)> {
    let config = config::parse(CONFIG, Path::new("config.yaml")).unwrap();
    let mut steps: Vec<(String, Run)> = Vec::new();
    for control in CONTROLS {
        for revision in control.revisions {
            let name = format!("{} of {:?}", control.id, revision.since);
            let run = move |pod: &Pod<'_>| {
                let mut found = Findings::new(FindingLimits::ANSWER);
                (revision.check)(pod, &mut found);
                black_box(found);
            };
            steps.push((name, Box::new(run)));
        }
    }
    for demand in config.policies.rules.iter().cloned() {
        let name = demand.check.rule().id.to_owned();
        let run = move |pod: &Pod<'_>| {
            let mut found = Findings::new(FindingLimits::ANSWER);
            demand.check.find(pod, &Images::of(pod), &mut found);
            black_box(found);
        };
        steps.push((name, Box::new(run)));
    }
    let settings = config.harden;
    let run = move |pod: &Pod<'_>| {
        let changes = harden::plan(pod, &settings, Scope::Create);
        black_box(harden::patch(pod, &changes, &harden::in_pod));
        black_box(harden::apply(pod, &changes));
    };
    steps.push(("hardening".to_owned(), Box::new(run)));
    steps
}

/// A kind of pod, and the initial length of its lists or texts.
struct Kind {
    name: String,
    rows: Vec<Row>,
    start: usize,
    /// The number of elements of each list in the path.
    counts: fn(depth: usize, size: usize) -> Vec<usize>,
    length: fn(size: usize) -> usize,
}

/// All rows of a list together, with long innermost lists, many containers, or long texts.
fn kinds(fields: &Fields) -> Vec<Kind> {
    let outer = |depth: usize, size: usize| [size, 1].into_iter().take(depth).collect();
    let inner = |depth: usize, size: usize| {
        let outer = if depth > 1 { vec![2] } else { Vec::new() };
        outer.into_iter().chain([size]).collect()
    };
    let few = |depth: usize, _: usize| vec![8; depth];
    let rows = fields.rows();
    let mut kinds = Vec::new();
    for start in ["spec.initContainers[]", "spec.containers[]", "spec.ephemeralContainers[]", ""] {
        let is_container = |row: &Row| row.0.contains("ontainers[]");
        let of_list: Vec<_> = rows
            .iter()
            .filter(|row| row.0.starts_with(start) && is_container(row) != start.is_empty())
            // Resources and volumes cannot have that many names.
            .filter(|row| {
                row.depth() > 0 && !["ts{}", "volumes[]{}"].iter().any(|end| row.0.ends_with(end))
            })
            .cloned()
            .collect();
        let kind = |name: &str, rows: Vec<Row>, start_size, counts, length| Kind {
            name: format!("{name} in {start}"),
            rows,
            start: start_size,
            counts,
            length,
        };
        let short = |_| 8;
        kinds.push(kind("many", of_list.clone(), 64, outer as fn(_, _) -> _, short));
        let deep: Vec<_> = of_list.iter().filter(|row| row.depth() > 1).cloned().collect();
        if !deep.is_empty() {
            kinds.push(kind("many", deep, 256, inner, short));
        }
        kinds.push(kind("long", of_list, 64, few, |size| size));
    }
    kinds
}

impl Kind {
    /// As JSON. If rows overlap, the last one wins.
    fn pod(&self, size: usize) -> String {
        let piece = |row: &Row| Piece {
            row: row.clone(),
            counts: (self.counts)(row.depth(), size),
            length: (self.length)(size),
            shape: Shape::Distinct,
        };
        let pieces: Vec<_> = self.rows.iter().map(piece).collect();
        fields::pod(&pieces, &mut Random::new(7)).to_string()
    }

    /// A pod, and one that is sixteen times as large, up to the maximum.
    fn pods(&self) -> [String; 2] {
        let mut sizes = std::iter::successors(Some(self.start), |size| Some(size / 2));
        let taken = sizes.by_ref().find_map(|size| {
            let large = self.pod(size * TIMES);
            match serde_json::from_str::<Pod<'_>>(&large) {
                Ok(_) => Some([self.pod(size), large]),
                Err(error) if size < 16 => panic!("{}: {error}", self.name),
                Err(_) => None,
            }
        });
        taken.unwrap()
    }
}

#[test]
fn sixteen_times_as_much_takes_each_step_sixteen_times_as_long() {
    let (steps, fields) = (steps(), Fields::read());
    let (mut worst, mut measured) = ((0.0, String::new()), 0);
    let mut kinds = kinds(&fields);
    let reversed = |kind: &Kind| Kind {
        name: format!("{}, the first field holds", kind.name),
        rows: kind.rows.iter().rev().cloned().collect(),
        ..*kind
    };
    kinds.extend(kinds.iter().map(reversed).collect::<Vec<_>>());
    for kind in &kinds {
        let pods = kind.pods();
        let [small, large] =
            pods.each_ref().map(|pod| serde_json::from_str::<Pod<'_>>(pod).unwrap());
        for (step, run) in &steps {
            match compared(FLOOR, TIMES as f64, || run(&small), || run(&large)) {
                Ok(None) => {}
                Ok(Some(times)) => {
                    measured += 1;
                    if times.ratio() > worst.0 {
                        worst = (times.ratio(), format!("{step}, {}: {times}", kind.name));
                    }
                }
                Err(times) => panic!("{step}, {}: {times}", kind.name),
            }
        }
    }
    eprintln!("steps: {measured} measured; the worst: {}", worst.1);
    assert!(measured > 20 || !cfg!(debug_assertions), "{measured}: the pods are too small");
}
