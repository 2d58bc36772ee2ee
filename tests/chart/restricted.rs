//! The chart's own pods pass what they enforce.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::helm::{Helm, content};
use super::rendering::SHAPES;

#[test]
fn every_pod_of_the_chart_passes_restricted() {
    let Ok(helm) = Helm::v4() else { return };
    for values in SHAPES {
        let rendered = helm.template_text(&["--set", values]);
        let judged = check(&rendered);
        let named = |what: &str| {
            judged["results"].as_array().unwrap().iter().any(|result| {
                result.to_string().contains(what)
            })
        };
        for name in ["Deployment", "Job"] {
            assert!(named(name), "{values}: no {name} was judged: {judged:#}");
        }
    }
}

/// The report of `portcullis check` at restricted, which must be clean.
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
