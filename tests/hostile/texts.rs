//! What hostile manifests cost `check` and `harden`: four times the text takes at most so many times the memory, in all
//! and at the peak, and the processor's time, where a loop within a loop takes sixteen times as much.

use std::{hint::black_box, sync::Arc, time::SystemTime};

use allocation_counter::measure;
use cpu_time::ThreadTime;
use portcullis::{
    config::Config,
    findings::{Policy, Workload},
    manifest::{self, Places, Reading},
    rewrite::Hardener,
};

/// Of four times as much.
const AT_MOST: f64 = 6.0;
/// What takes less processor time than this, in microseconds, has no loop worth finding.
const WORTH: u64 = 20_000;

const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"hostNetwork":true,"containers":[{"name":"a","image":"a"}]}}"#;
const PATCH: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":[{"name":"a"}]}}"#;

/// A text that is made of so many parts.
type Made = fn(usize) -> String;

fn list(items: &[&str], between: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, items.join(between))
}

fn numbered(parts: usize, part: impl Fn(usize) -> String) -> String {
    (0..parts).map(part).collect()
}

/// Each has a name, and how it is made of some thousand parts.
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
    let Ok(()) = manifest::read::<std::convert::Infallible>(text.as_bytes(), |reading| {
        if let Reading::Object(manifest) = reading {
            let pod = manifest.pod.as_deref();
            let mut found = Workload::judge(manifest.identity.clone(), pod, manifest.root, policy);
            places.mark(&mut found, &manifest);
            black_box(found);
        }
        Ok(())
    });
}

/// Processor time of this thread, in microseconds.
fn time(run: impl Fn()) -> u64 {
    let start = ThreadTime::now();
    run();
    u64::try_from(start.elapsed().as_micros()).unwrap().max(1)
}

fn is_linear(what: &str, run: impl Fn(usize)) {
    let parts = [1_000, 4_000];
    let ratio = |[small, large]: [u64; 2]| large as f64 / small as f64;
    let [small, large] = parts.map(|parts| measure(|| run(parts)));
    let beside = 64 << 10;
    let total = [small.bytes_total + beside, large.bytes_total + beside];
    let peak = [small.bytes_max + beside, large.bytes_max + beside];
    assert!(ratio(total) < AT_MOST, "{what}: allocates {total:?} bytes");
    assert!(ratio(peak) < AT_MOST, "{what}: {peak:?} bytes at the peak");
    // Other programs share caches with this one: it is slow if it always is.
    let slow = (0..3).map(|_| parts.map(|parts| time(|| run(parts))));
    let slow: Vec<_> =
        slow.map_while(|times| (times[1] > WORTH && ratio(times) > 8.0).then_some(times)).collect();
    assert!(slow.len() < 3, "{what}: {slow:?} us");
    eprintln!("{what}: {:.1}, at the peak {:.1}", ratio(total), ratio(peak));
}

fn on_a_stack_of_its_own(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(manifest::STACK).spawn(test).unwrap().join().unwrap();
}

#[test]
fn four_times_the_manifest_costs_check_no_more_than_six_times() {
    on_a_stack_of_its_own(|| {
        let policy = Policy::new(Config::embedded(), None, None, None, SystemTime::now());
        for (name, text) in TEXTS {
            let texts = [1_000, 4_000].map(text);
            is_linear(name, |parts| check(&texts[usize::from(parts > 1_000)], &policy));
        }
    });
}

#[test]
fn four_times_the_manifest_costs_harden_no_more_than_six_times() {
    on_a_stack_of_its_own(|| {
        let hardener = Hardener::new(Config::embedded());
        for (name, text) in TEXTS {
            let texts = [1_000, 4_000].map(text);
            is_linear(name, |parts| {
                // What is refused costs, too.
                let _ = black_box(hardener.harden(texts[usize::from(parts > 1_000)].as_bytes()));
            });
        }
    });
}
