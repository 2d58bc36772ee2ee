//! Hostile manifests in the annotation that `kubectl apply` writes: their lints cost no more than their size.

use serde_json::{Value, json};

use crate::{
    clock::{TIMES, compared},
    objects::Ask,
    reviews::{Worst, held},
    world::{World, asks, logged},
};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Shorter times cannot hide a nested loop, in microseconds.
const FLOOR: f64 = 1_000.0;

type Text = fn(usize) -> String;

/// Texts of about this many times 16 bytes.
const TEXTS: [(&str, Text); 8] = [
    ("unknown keys", |n| keys(n, |number| format!("hostnetwork{number}"))),
    ("misplaced keys", |n| keys(n, |_| "privileged".to_owned())),
    ("keys one edit away", |n| keys(n, |_| "hostnetwork".to_owned())),
    ("escaped keys", |n| keys(n, |_| r"host\u006eetwork".to_owned())),
    ("one long key", |n| keys(1, |_| r"\u006e".repeat(n * 16 / 6))),
    ("many containers", |n| {
        format!(r#"{{"spec":{{"containers":[{}{{}}]}}}}"#, r#"{"image":"a"},"#.repeat(n))
    }),
    ("nested lists", |n| format!(r#"{{"spec":[{}[]]}}"#, "[[[[[[]]]]]],".repeat(n))),
    ("nested objects", |n| {
        let affinity = r#""affinity":{"podAffinity":{}},"#;
        format!(r#"{{"spec":{{{}"a":1}}}}"#, affinity.repeat(n / 2))
    }),
];

fn keys(count: usize, key: impl Fn(usize) -> String) -> String {
    let keys: Vec<_> = (0..count).map(|number| format!("\"{}\":1", key(number))).collect();
    format!(r#"{{"spec":{{{}}}}}"#, keys.join(","))
}

fn review(resource: &str, applied: &str) -> String {
    let annotations = json!({LAST_APPLIED: applied});
    let spec = json!({"containers": [{"name": "web", "image": "web"}]});
    let spec: Value = match resource {
        "pods" => spec,
        _ => json!({"template": {"spec": spec}}),
    };
    let object = json!({"metadata": {"name": "web", "annotations": annotations}, "spec": spec});
    Ask { resource: resource.to_owned(), object, ..Ask::default() }.text()
}

#[test]
fn what_was_applied_costs_no_more_than_its_size() {
    let (world, asked, mut worst) = (World::new(), asks()[0], Worst::default());
    logged(|| {
        for (name, text) in TEXTS {
            for resource in ["pods", "apps/deployments", "namespaces"] {
                for size in [1_000, 12_000, 200_000] {
                    held(&world, &review(resource, &text(size)), name, asked, &mut worst);
                }
            }
        }
    });
    eprintln!("applied: {worst}");
}

/// The longest annotation that the API allows has 256 KiB.
#[test]
fn sixteen_times_as_much_applied_takes_sixteen_times_as_long() {
    let (world, asked) = (World::new(), asks()[0]);
    logged(|| {
        for (name, text) in TEXTS {
            let [small, large] =
                [600, 600 * TIMES].map(|size| review("apps/deployments", &text(size)));
            let run = |body: &str| drop(world.review(body.as_bytes(), asked));
            let parts = large.len() as f64 / small.len() as f64;
            if let Err(times) = compared(FLOOR, parts, || run(&small), || run(&large)) {
                panic!("{name}: {} and {} bytes: {times}", small.len(), large.len());
            }
        }
    });
}
