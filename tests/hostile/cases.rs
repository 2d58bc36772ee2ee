//! Hostile reviews, each generated from a number.

use serde_json::{Value, json};

use crate::{
    clock::TIMES,
    fields::{self, Fields, Piece, Row},
    objects::Ask,
    random::Random,
    text::{self, Shape},
    world::users,
};

/// The hostile fields, and their size.
pub(crate) struct Case {
    pieces: Vec<Piece>,
    holder: Holder,
    seed: u64,
    user: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Holder {
    Pod,
    /// An update of both, with a changed image.
    Update,
    /// An ephemeral container, as `kubectl debug` adds it.
    Debug,
    Template(&'static str),
}

/// Elements and bytes of one case, before scaling.
const ELEMENTS: [usize; 6] = [1, 1, 20, 200, 1000, 4000];
const LENGTHS: [usize; 6] = [0, 1, 8, 60, 2000, 60_000];

impl Case {
    /// One row: each list or text of it in turn is long.
    pub(crate) fn alone(row: &Row, seed: u64) -> Self {
        Self::of(&[row], &mut Random::new(seed), seed, 1)
    }

    /// Several rows.
    pub(crate) fn together(fields: &Fields, seed: u64) -> Self {
        Self::some(fields, seed, 1)
    }

    /// With at most a sixteenth of the elements or of the text.
    pub(crate) fn small(fields: &Fields, seed: u64) -> Self {
        Self::some(fields, seed, TIMES)
    }

    fn some(fields: &Fields, seed: u64, part: usize) -> Self {
        let mut random = Random::new(seed);
        let rows = fields.rows();
        let number = 1 + random.below(9);
        let chosen: Vec<_> = (0..number).map(|_| random.pick(&rows)).collect();
        Self::of(&chosen, &mut random, seed, part)
    }

    /// A pod of one row with each of its invalid values, several times.
    pub(crate) fn broken(row: &Row, seed: u64, length: usize) -> Self {
        let counts = vec![7; row.depth()];
        Self::pod(Piece { row: row.clone(), counts, length, shape: Shape::Distinct }, seed)
    }

    /// A pod of one row whose innermost list has this number of distinct elements.
    pub(crate) fn long(row: &Row, elements: usize) -> Self {
        let mut counts = vec![1; row.depth()];
        counts.last_mut().unwrap().clone_from(&elements);
        Self::pod(Piece { row: row.clone(), counts, length: 8, shape: Shape::Distinct }, 0)
    }

    fn pod(piece: Piece, seed: u64) -> Self {
        Self { pieces: vec![piece], holder: Holder::Pod, seed, user: users()[0] }
    }

    fn of(rows: &[&Row], random: &mut Random, seed: u64, part: usize) -> Self {
        let holders: Vec<_> = fields::holders().into_keys().collect();
        let holder = match random.below(6) {
            0 | 1 => Holder::Pod,
            2 => Holder::Update,
            3 => Holder::Debug,
            _ => Holder::Template(random.pick::<&str>(&holders)),
        };
        // Elements of the same lists, so that one pod has many violations in each.
        let shared: Vec<_> = (0..2).map(|_| *random.pick(&ELEMENTS)).collect();
        let pieces = rows.iter().map(|row| {
            let mut counts: Vec<_> = (0..row.depth())
                .map(|at| if random.one_in(3) { *random.pick(&ELEMENTS) } else { shared[at % 2] })
                .collect();
            // No more elements in total than fit into a body of some MiB.
            while counts.iter().product::<usize>() > 20_000 / part {
                let largest = counts.iter_mut().max().unwrap();
                *largest = (*largest / 4).max(1);
            }
            let total: usize = counts.iter().product::<usize>().max(1);
            let length = (*random.pick(&LENGTHS)).min(600_000 / part / total);
            let shape = *random.pick(&text::SHAPES);
            Piece { row: (*row).clone(), counts, length, shape }
        });
        let pieces = pieces.collect();
        Self { pieces, holder, seed, user: *random.pick(&users()) }
    }

    /// The review with this factor for the number of elements, or for the text if there are none.
    pub(crate) fn review(&self, times: usize) -> String {
        let scaled = |piece: &Piece| {
            let mut piece = piece.clone();
            match piece.counts.iter_mut().max().filter(|most| **most > 1) {
                Some(most) => *most *= times,
                None => piece.length *= times,
            }
            piece
        };
        let pieces: Vec<_> = self.pieces.iter().map(scaled).collect();
        let pod = fields::pod(&pieces, &mut Random::new(self.seed));
        ask(self.holder, pod, self.user).text()
    }
}

fn ask(holder: Holder, pod: Value, user: &str) -> Ask {
    let ask = Ask { user: user.to_owned(), ..Ask::default() };
    match holder {
        Holder::Pod => Ask { object: pod, ..ask },
        Holder::Update => {
            let mut old = pod.clone();
            old["spec"]["containers"] = json!([]);
            Ask { object: pod, old_object: old, operation: "UPDATE".to_owned(), ..ask }
        }
        Holder::Debug => Ask {
            old_object: pod.clone(),
            object: pod,
            operation: "UPDATE".to_owned(),
            subresource: "ephemeralcontainers".to_owned(),
            ..ask
        },
        Holder::Template(resource) => {
            let object = fields::holders()[resource](pod);
            Ask { object, resource: resource.to_owned(), ..ask }
        }
    }
}
