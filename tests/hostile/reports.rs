//! The cost of a hostile manifest in each report format.

use std::{convert::Infallible, path::Path, sync::Arc, time::SystemTime};

use allocation_counter::measure;
use clap::ValueEnum as _;
use manifest::{Places, Reading};
use policy::{
    findings::{Policy, Workload},
    pss::Level,
};
use portcullis::{
    config,
    harden::Hardener,
    output::{About, Details, Format, Item, Output, Report},
};
use serde_json::{Value, json};

/// Peak memory per byte of the manifest, mostly for its places, and a constant in bytes.
const PEAK: u64 = 24;
const BESIDE: u64 = 4 << 20;
/// The same for `harden`.
const HARDENING: u64 = 16;
const HARDENING_BESIDE: u64 = 1 << 20;
/// Maximum growth of the peak per byte for four times the size.
const GROWTH: f64 = 1.25;

fn pod(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec})
}

/// One container with a long name and many host ports.
fn long_name(times: usize) -> Value {
    let port = |port: usize| json!({"containerPort": 80, "hostPort": 1000 + port});
    let ports: Vec<_> = (0..400 * times).map(port).collect();
    let name = "n".repeat(4_000 * times);
    pod(&json!({"containers": [{"name": name, "image": "nginx", "ports": ports}]}))
}

/// Lists of host ports, and of unsafe sysctls.
fn lists(times: usize) -> Value {
    let ports: Vec<_> =
        (0..600).map(|port| json!({"containerPort": 80, "hostPort": 1 + port})).collect();
    let container =
        |index: usize| json!({"name": format!("c{index}"), "image": "nginx", "ports": ports});
    let sysctl = |index: usize| json!({"name": format!("kernel.x{index}"), "value": "1"});
    let sysctls: Vec<_> = (0..200 * times).map(sysctl).collect();
    pod(&json!({
        "securityContext": {"sysctls": sysctls},
        "containers": (0..times).map(container).collect::<Vec<_>>(),
    }))
}

/// A path of many segments, with hardening that searches for mounts below it.
fn long_path(times: usize) -> Value {
    let path = "/a".repeat(times << 15);
    pod(&json!({
        "containers": [{
            "name": "web",
            "image": "nginx",
            "volumeMounts": [{"name": "v", "mountPath": path}],
        }],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }))
}

fn policy() -> Policy {
    let config = config::parse(include_str!("config.yaml"), Path::new("config.yaml")).unwrap();
    Policy::new(config, Some(Level::Restricted), None, None, SystemTime::UNIX_EPOCH)
}

/// Judged like in `check`, on this thread.
fn judged(text: &str, policy: &Policy) -> Workload {
    let mut places = Places::new(Arc::from("pod.yaml"), text.as_bytes());
    let mut judged = None;
    let Ok(()) = manifest::read::<Infallible>(
        text.as_bytes(),
        policy::workloads::Kinds::default(),
        |reading| {
            let Reading::Object(manifest) = reading else { panic!("{reading:?}") };
            let mut workload = Workload::judge(manifest.identity.clone(), &manifest.pods, policy);
            places.mark(&mut workload, &[], &manifest);
            places.add_replacements(&mut workload, &manifest);
            judged = Some(workload);
            Ok(())
        },
    );
    let judged = judged.unwrap();
    let found = judged.violations.len();
    assert!(found > 3, "{found}: nothing is wrong");
    judged
}

fn report(judged: &Workload, text: &str, policy: &Policy, format: Format, file: &Path) {
    let outputs = [Output { format, file: Some(file.to_owned()) }];
    let mut report = Report::open(&outputs, About::Manifests(policy), Details::Folded).unwrap();
    report.add(Item::Workload(judged, Some(text))).unwrap();
    report.finish().unwrap();
}

/// Peak memory in bytes, for each format.
fn peaks(text: &str, policy: &Policy, file: &Path) -> Vec<(Format, u64)> {
    let (mut found, size) = (None, text.len() as u64);
    let judging = measure(|| found = Some(judged(text, policy)));
    let found = found.unwrap();
    let formats = Format::value_variants().iter();
    let peaks = formats.map(|&format| {
        let reporting = measure(|| report(&found, text, policy, format, file));
        let kept = u64::try_from(judging.bytes_current).unwrap();
        let peak = judging.bytes_max.max(kept + reporting.bytes_max);
        assert!(peak <= PEAK * size + BESIDE, "{format:?}: {size} bytes took {peak} at the peak");
        (format, peak)
    });
    peaks.collect()
}

type Make = fn(usize) -> Value;

const MANIFESTS: [(&str, Make); 3] =
    [("long name", long_name), ("lists", lists), ("long path", long_path)];

/// The manifest in JSON and YAML.
fn written(manifest: &Value) -> [(&'static str, String); 2] {
    [("JSON", manifest.to_string()), ("YAML", serde_saphyr::to_string(manifest).unwrap())]
}

#[test]
fn a_manifest_costs_no_more_than_its_size_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, file) = (policy(), folder.path().join("report"));
    for (name, make) in MANIFESTS {
        let [one, four] = [1, 4].map(|times| written(&make(times)));
        for ((language, one), (_, four)) in one.iter().zip(&four) {
            let [one, four] = [one, four].map(|text| peaks(text, &policy, &file));
            for ((format, one), (_, four)) in one.iter().zip(&four) {
                eprintln!("{name}, {language}, {format:?}: {one}, {four} bytes");
                let most = 4.0 * GROWTH * *one as f64 + BESIDE as f64;
                assert!(*four as f64 <= most, "{name}, {language}, {format:?}: {one} and {four}");
            }
        }
    }
}

/// The memory of `harden`, which parses its output again and compares.
#[test]
fn hardening_a_manifest_takes_no_more_than_its_size() {
    let config = config::parse(include_str!("config.yaml"), Path::new("config.yaml")).unwrap();
    let hardener = Hardener::new(config);
    for (name, make) in MANIFESTS {
        for (language, text) in written(&make(16)) {
            let mut edits = 0;
            let cost =
                measure(|| edits = hardener.harden("", text.as_bytes()).unwrap().edits.len());
            let (size, peak) = (text.len() as u64, cost.bytes_max);
            eprintln!("harden {name}, {language}: {size} bytes take {peak} at the peak");
            assert!(edits > 0, "{name}, {language}: nothing is changed");
            assert!(
                peak <= HARDENING * size + HARDENING_BESIDE,
                "{name}, {language}: {size} {peak}"
            );
        }
    }
}
