//! Generates random pods that reach every control and every combination of them, each from a number: equal numbers give
//! equal pods. The choices are in `fields.yaml`. All pods are valid for the API's types. Needs `mod pods`.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod random;
pub(crate) mod text;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::pods::{Path, base, strip_nulls};
pub(crate) use random::Random;

/// Generates pods.
pub(crate) struct Generator {
    base: Value,
    fields: Fields,
}

/// Fields and values to choose from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The first changes of the base of the cases.
    starts: Vec<BTreeMap<Path, Value>>,
    pod: Vec<Row>,
    /// Paths within a container of any list.
    container: Vec<Row>,
    /// Paths within a volume.
    volume: Vec<Row>,
}

/// A path, and its possible values.
type Row = (Path, Vec<Value>);

const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
/// Few, so that one pod has several violations in one container, and the same violation in several.
const MAX_ELEMENTS: usize = 3;

impl Generator {
    pub(crate) fn new() -> Self {
        let fields = serde_saphyr::from_str(include_str!("fields.yaml")).unwrap();
        Self { base: base(), fields }
    }

    /// A pod as JSON text, without line breaks.
    pub(crate) fn pod(&self, number: u64) -> String {
        let mut random = Random::new(number);
        let mut pod = self.base.clone();
        for (path, value) in random.pick(&self.fields.starts) {
            path.set(&mut pod, value.clone());
        }
        // Most pods are nearly valid or nearly invalid, so that the verdict depends on one field.
        let changes = if random.one_in(3) { random.below(16) } else { random.below(4) };
        for _ in 0..changes {
            self.change(&mut pod, &mut random);
        }
        if random.one_in(2) {
            strip_nulls(&mut pod);
        }
        if random.one_in(4) {
            text::odd(&pod, &mut random)
        } else {
            serde_json::to_string(&pod).unwrap()
        }
    }

    fn change(&self, pod: &mut Value, random: &mut Random) {
        let (within, rows) = match random.below(8) {
            0..3 => (pod, &self.fields.pod),
            3..7 => {
                let list = *random.pick(&LISTS);
                (self.element(pod, list, random), &self.fields.container)
            }
            _ => (self.element(pod, "volumes", random), &self.fields.volume),
        };
        let (path, values) = random.pick(rows);
        path.set(within, random.pick(values).clone());
    }

    /// An element of a list of the spec: an existing one, or a new one that passes.
    fn element<'v>(&self, pod: &'v mut Value, list: &str, random: &mut Random) -> &'v mut Value {
        if !pod["spec"][list].is_array() {
            pod["spec"][list] = Value::Array(Vec::new());
        }
        let elements = pod["spec"][list].as_array_mut().unwrap();
        if elements.is_empty() || (elements.len() < MAX_ELEMENTS && random.one_in(4)) {
            elements.push(self.base["spec"][list][0].clone());
        }
        let index = random.below(elements.len());
        &mut elements[index]
    }
}
