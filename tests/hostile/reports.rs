//! What a hostile manifest costs in each form of a report.

use std::{convert::Infallible, fs, path::Path, sync::Arc, time::SystemTime};

use allocation_counter::{AllocationInfo, measure};
use clap::ValueEnum as _;
use portcullis::{
    config,
    findings::{Policy, Workload},
    manifest::{self, Places, Reading},
    pss::Level,
    report::{About, Format, Item, Output, Report},
};
use serde_json::{Value, json};

/// At the peak, of a byte of the manifest: its places take most of it. And beside that, in bytes.
const PEAK: u64 = 24;
const BESIDE: u64 = 4 << 20;
/// What four times as much may take at the peak beyond four times, as a part of it.
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

/// A path of many parts, with hardening that looks for what is below it.
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

/// As `check` does it, on this thread. How many bytes the report has.
fn report(text: &str, policy: &Policy, format: Format, file: &Path) -> u64 {
    let outputs = [Output { format, file: Some(file.to_owned()) }];
    let mut report = Report::open(&outputs, About::Manifests(policy)).unwrap();
    let mut places = Places::new(Arc::from("pod.yaml"), text.as_bytes());
    let mut found = 0;
    let Ok(()) = manifest::read::<Infallible>(text.as_bytes(), |reading| {
        let Reading::Object(manifest) = reading else { panic!("{reading:?}") };
        let pod = manifest.pod.as_deref();
        let mut workload = Workload::judge(manifest.identity.clone(), pod, manifest.root, policy);
        places.mark(&mut workload, &manifest);
        places.mend(&mut workload, &manifest);
        found += workload.violations.len();
        report.tell(Item::Workload(&workload, Some(text))).unwrap();
        Ok(())
    });
    assert!(found > 3, "{found}: nothing is wrong");
    report.finish().unwrap();
    fs::metadata(file).unwrap().len()
}

fn cost(text: &str, policy: &Policy, format: Format, file: &Path) -> AllocationInfo {
    let cost = measure(|| {
        report(text, policy, format, file);
    });
    let size = text.len() as u64;
    assert!(
        cost.bytes_max <= PEAK * size + BESIDE,
        "{format:?}: {size} bytes took {} at the peak",
        cost.bytes_max
    );
    cost
}

#[test]
fn a_manifest_costs_no_more_than_its_size_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, file) = (policy(), folder.path().join("report"));
    let yaml = |value: &Value| serde_saphyr::to_string(value).unwrap();
    for (name, make) in [
        ("long name", long_name as fn(usize) -> Value),
        ("lists", lists as fn(usize) -> Value),
        ("long path", long_path as fn(usize) -> Value),
    ] {
        for (language, write) in [
            ("JSON", &(|value: &Value| value.to_string()) as &dyn Fn(&Value) -> String),
            ("YAML", &yaml),
        ] {
            let texts = [1, 4].map(|times| write(&make(times)));
            for format in Format::value_variants() {
                let [one, four] =
                    texts.each_ref().map(|text| cost(text, &policy, *format, &file).bytes_max);
                eprintln!("{name}, {language}, {format:?}: {one}, {four} bytes");
                let most = 4.0 * GROWTH * one as f64 + BESIDE as f64;
                assert!(four as f64 <= most, "{name}, {language}, {format:?}: {one} and {four}");
            }
        }
    }
}
