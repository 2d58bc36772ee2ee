//! The cost of hostile manifests in `check` and `harden`: sixteen times the text takes a bounded multiple of the
//! memory, in total and at the peak, and proportional processor time.

use std::{hint::black_box, sync::Arc, time::SystemTime};

use allocation_counter::measure;
use manifest::{Places, Reading};
use policy::{
    config::Config,
    findings::{Policy, Workload},
};
use portcullis::harden::Hardener;

use crate::clock::{TIMES, compared};

/// The maximum factor for memory.
const AT_MOST: f64 = 24.0;
/// Shorter processor times, in microseconds, cannot hide a nested loop.
const FLOOR: f64 = 10_000.0;
/// The number of parts of the small text and of the large one.
const PARTS: [usize; 2] = [2_048 / TIMES, 2_048];

const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"hostNetwork":true,"containers":[{"name":"a","image":"a"}]}}"#;
const PATCH: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":[{"name":"a"}]}}"#;

/// Generates a text with this number of parts.
type Made = fn(usize) -> String;

fn list(items: &[&str], between: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, items.join(between))
}

fn numbered(parts: usize, part: impl Fn(usize) -> String) -> String {
    (0..parts).map(part).collect()
}

/// The name and generator of each text.
const TEXTS: [(&str, Made); 22] = [
    ("keys", |n| numbered(n * 4, |index| format!("key{index}: 1\n"))),
    ("keys in braces", |n| format!("{{{}}}", numbered(n * 4, |index| format!("k{index}: 1, ")))),
    ("repeated keys", |n| "key: value\n".repeat(n * 8)),
    ("repeated keys of another form", |n| "? key\n".repeat(n * 8)),
    ("repeated keys and carriage returns", |n| "a: 1\r".repeat(n * 8)),
    ("scalars in a list", |n| format!("a:\n{}", "- b\n".repeat(n * 8))),
    ("scalars in brackets", |n| format!("a: [{}]", "b,".repeat(n * 8))),
    ("documents", |n| "---\na: 1\n".repeat(n * 2)),
    ("empty documents", |n| "---\n".repeat(n * 8)),
    ("prose", |n| "The quick brown fox jumps over it\n".repeat(n * 4)),
    ("prose with colons", |n| "The quick brown fox: it jumps\n".repeat(n * 4)),
    ("a long line", |n| "a".repeat(n * 64)),
    ("a long quoted line", |n| format!("a: \"{}\"", r"b\n".repeat(n * 16))),
    ("lines of a block", |n| format!("a: |\n{}", "  b\n".repeat(n * 16))),
    ("comments", |n| "# a\n".repeat(n * 16)),
    ("anchors", |n| format!("a:\n{}", numbered(n * 2, |index| format!("- &a{index} x\n")))),
    ("braces of a template", |n| "{{- if .Values.a }}\n".repeat(n * 2)),
    ("pods in one line", |n| list(&vec![POD; n / 4], ",")),
    ("pods in lines", |n| list(&vec![POD; n / 4], ",\n")),
    ("pods in documents", |n| format!("---\n{POD}\n").repeat(n / 4)),
    ("patches in one line", |n| list(&vec![PATCH; n / 4], ",")),
    ("containers in one line", |n| {
        let container = r#"{"name":"a","image":"a","securityContext":{"privileged":true}}"#;
        format!(
            r#"{{"kind":"Pod","apiVersion":"v1","spec":{{"containers":[{}]}}}}"#,
            vec![container; n / 4].join(",")
        )
    }),
];

fn check(text: &str, policy: &Policy) {
    let mut places = Places::new(Arc::from("a.yaml"), text.as_bytes());
    let Ok(()) = manifest::read::<std::convert::Infallible>(
        text.as_bytes(),
        policy::workloads::Kinds::default(),
        |reading| {
            if let Reading::Object(manifest) = reading {
                let mut found = Workload::judge(manifest.identity.clone(), &manifest.pods, policy);
                places.mark(&mut found, &[], &manifest);
                black_box(found);
            }
            Ok(())
        },
    );
}

fn is_linear(what: &str, texts: &[String; 2], run: impl Fn(&str)) {
    let [small, large] = texts.each_ref().map(|text| measure(|| run(text)));
    let ratio = |small: u64, large: u64| {
        let beside = 64 << 10;
        (large + beside) as f64 / (small + beside) as f64
    };
    let total = ratio(small.bytes_total, large.bytes_total);
    let peak = ratio(small.bytes_max, large.bytes_max);
    assert!(total < AT_MOST, "{what}: allocates {total:.1} times as much: {small:?} {large:?}");
    assert!(peak < AT_MOST, "{what}: {peak:.1} times as much at the peak: {small:?} {large:?}");
    let [small, large] = texts;
    match compared(FLOOR, TIMES as f64, || run(small), || run(large)) {
        Ok(times) => {
            let times = times.map_or("little time".to_owned(), |times| times.to_string());
            eprintln!("{what}: {total:.1}, at the peak {peak:.1}; {times}");
        }
        Err(times) => panic!("{what}: {times}"),
    }
}

fn on_a_stack_of_its_own(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(manifest::STACK).spawn(test).unwrap().join().unwrap();
}

#[test]
fn sixteen_times_the_manifest_costs_check_no_more_than_24_times() {
    on_a_stack_of_its_own(|| {
        let policy = Policy::new(Config::embedded(), None, None, None, SystemTime::now());
        for (name, text) in TEXTS {
            is_linear(name, &PARTS.map(text), |text| check(text, &policy));
        }
    });
}

#[test]
fn sixteen_times_the_manifest_costs_harden_no_more_than_24_times() {
    on_a_stack_of_its_own(|| {
        let hardener = Hardener::new(Config::embedded());
        for (name, text) in TEXTS {
            is_linear(name, &PARTS.map(text), |text| {
                // Refused texts count too.
                let _ = black_box(hardener.harden("", text.as_bytes()));
            });
        }
    });
}
