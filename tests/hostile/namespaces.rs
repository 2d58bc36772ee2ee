//! Hostile namespaces: many long labels, annotations and finalizers with common prefixes, new and old.

use serde_json::{Map, Value, json};

use crate::{clock::TIMES, objects::Ask, random::Random, text};

/// Policy labels and similar keys.
const KEYS: [&str; 8] = [
    "pod-security.kubernetes.io/enforce",
    "pod-security.kubernetes.io/enforce-version",
    "pod-security.kubernetes.io/warn",
    "pod-security.kubernetes.io/audit-version",
    "pod-security.kubernetes.io/enforce-",
    "portcullis.dev/profile",
    "portcullis.dev/harden",
    "portcullis.dev/enforce",
];

/// Values that are read, and others.
const VALUES: [&str; 6] = ["restricted", "baseline", "v1.18", "agent", "latest", "nonsense"];

const COUNTS: [usize; 4] = [0, 1, 300, 5_000];
const LENGTHS: [usize; 4] = [0, 8, 60, 20_000];

/// A review of a created or changed namespace, generated from a number, with this number of sixteenths of its size.
pub(crate) fn review(seed: u64, parts: usize) -> String {
    let mut random = Random::new(seed);
    let is_update = random.one_in(2);
    let object = namespace(&mut random, parts);
    let old_object = if is_update { namespace(&mut random, parts) } else { Value::Null };
    let operation = if is_update { "UPDATE" } else { "CREATE" };
    let ask = Ask {
        resource: "namespaces".to_owned(),
        operation: operation.to_owned(),
        name: "shop".to_owned(),
        object,
        old_object,
        ..Ask::default()
    };
    ask.text()
}

fn namespace(random: &mut Random, parts: usize) -> Value {
    let mut labels = map(random, parts);
    for _ in 0..random.below(4) {
        let value = if random.one_in(3) {
            "restricted\u{1}".repeat(*random.pick(&LENGTHS) * parts / TIMES)
        } else {
            (*random.pick(&VALUES)).to_owned()
        };
        labels.insert((*random.pick(&KEYS)).to_owned(), value.into());
    }
    let finalizers: Vec<_> = map(random, parts).into_iter().map(|(key, _)| key).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "shop",
            "labels": labels,
            "annotations": map(random, parts),
            "finalizers": finalizers,
        },
        "spec": {"finalizers": ["kubernetes"]},
    })
}

/// Entries whose keys have common prefixes, some of them those of policy labels.
fn map(random: &mut Random, parts: usize) -> Map<String, Value> {
    let count = *random.pick(&COUNTS);
    let length = (*random.pick(&LENGTHS)).min(400_000 / count.max(1));
    let shape = *random.pick(&text::SHAPES);
    let start = *random.pick(&["", "pod-security.kubernetes.io/", "portcullis.dev/", KEYS[0]]);
    let entry = |number: usize| {
        let value = text::of(shape, length, number);
        (format!("{start}{}{number}", text::of(shape, length / 4, number)), value.into())
    };
    (0..(count * parts).div_ceil(TIMES)).map(entry).collect()
}
