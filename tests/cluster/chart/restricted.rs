//! The chart's own pods comply with what they enforce.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::helm::{Helm, content, objects};
use super::rendering::SHAPES;

#[test]
fn every_pod_of_the_chart_passes_restricted() {
    let Ok(helm) = Helm::v4() else { return };
    for values in SHAPES {
        let judged = every_pod_passes(&helm.template_text(&["--set", values]));
        assert!(judged.contains("Deployment portcullis") || values.contains("fullnameOverride"));
    }
}

/// The workloads in rendered manifests, all of which must comply.
#[track_caller]
pub(crate) fn every_pod_passes(rendered: &str) -> BTreeSet<String> {
    let report = check(rendered);
    let judged = names(report["results"].as_array().unwrap());
    let mut pods = objects(rendered);
    pods.retain(|object| ["Deployment", "Job", "Pod"].contains(&object["kind"].as_str().unwrap()));
    assert_eq!(judged, names(&pods));
    judged
}

fn names(objects: &[Value]) -> BTreeSet<String> {
    let name = |object: &Value| {
        let name = object.get("name").unwrap_or(&object["metadata"]["name"]);
        format!("{} {}", object["kind"].as_str().unwrap(), name.as_str().unwrap())
    };
    objects.iter().map(name).collect()
}

/// The report of `portcullis check` at restricted, without violations.
#[track_caller]
fn check(manifests: &str) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["check", "--level", "restricted", "-o", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let manifests = manifests.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(manifests.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    serde_json::from_str(&content(&output)).unwrap()
}
