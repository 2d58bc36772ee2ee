//! Levels from several sources in complete reviews: all of them apply, and the response names each.

use std::collections::BTreeMap;

use admission::Answer;
use serde_json::{Value, json};

use crate::{
    reviews::decide::{answer_about_pod, asks_for_pods, configured},
    reviews::objects::Ask,
};

const STANDARD: &str = "pod-security.kubernetes.io";

/// Labels from `key=value` words; `our-` is the prefix portcullis.dev.
fn labels(words: &str) -> BTreeMap<String, String> {
    let words = words.split_whitespace().map(|word| word.split_once('=').unwrap());
    let key = |key: &str| match key.strip_prefix("our-") {
        Some(key) => format!("portcullis.dev/{key}"),
        None => format!("{STANDARD}/{key}"),
    };
    words.map(|(name, value)| (key(name), value.to_owned())).collect()
}

/// The response for a pod with this spec.
fn judge(configuration: &str, words: &str, spec: &Value) -> Answer {
    let ask = Ask::pod(json!({"metadata": {"name": "web"}, "spec": spec}));
    answer_about_pod(&ask, &configured(configuration), &labels(words))
}

/// Meets restricted:v1.0. The probe violates baseline since v1.34, Unconfined since v1.19.
fn old() -> Value {
    json!({
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "Unconfined"}},
        "containers": [{
            "name": "web", "image": "nginx",
            "livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}},
        }],
    })
}

#[test]
fn an_old_version_of_a_higher_level_does_not_pass_below_the_floor() {
    let words = "enforce=restricted enforce-version=v1.0";
    assert!(judge("defaults: {enforce: privileged}", words, &old()).denial.is_none());

    let floor = "floor: {level: baseline}";
    let answer = judge(floor, words, &old());
    let message = answer.denial.unwrap().message;
    let lines: Vec<_> = message.lines().collect();
    let first = "pods \"web\" is forbidden: violates PodSecurity \"restricted:v1.0, baseline:latest\": probe or lifecycle handler names a host, seccomp profile switched off";
    assert_eq!(lines[0], first, "{message}");
    let last = "enforces restricted:v1.0 (label pod-security.kubernetes.io/enforce) and baseline:latest (floor of the configuration)";
    assert!(lines.last().unwrap().ends_with(last), "{message}");
    assert_eq!(answer.annotations["enforce-policy"], "restricted:v1.0, baseline:latest");

    // What only the label forbids stays forbidden.
    let mut root = old();
    root["securityContext"] = json!({"runAsNonRoot": false});
    root["containers"][0]["livenessProbe"] = Value::Null;
    let message = judge(floor, words, &root).denial.unwrap().message;
    assert!(message.contains("runAsNonRoot is not true"), "{message}");
}

#[test]
fn an_older_floor_applies_despite_a_newer_label() {
    // Allowed since v1.27.
    let sysctls = json!([{"name": "net.ipv4.ip_local_reserved_ports", "value": "1"}]);
    let mut spec = old();
    spec["containers"][0]["livenessProbe"] = Value::Null;
    spec["securityContext"] = json!({"sysctls": sysctls});
    let floor = "floor: {level: baseline, version: v1.20}";
    let message = judge(floor, "enforce=baseline", &spec).denial.unwrap().message;
    assert!(message.contains("\"baseline:latest, baseline:v1.20\": unsafe sysctls"), "{message}");
    assert!(judge("", "enforce=baseline", &spec).denial.is_none());
}

#[test]
fn a_level_that_another_one_includes_is_not_named() {
    let message =
        judge("floor: {level: baseline}", "enforce=restricted our-enforce=baseline", &old());
    let message = message.denial.unwrap().message;
    assert!(message.contains("violates PodSecurity \"restricted:latest\": "), "{message}");
    let last = "enforces restricted:latest (label pod-security.kubernetes.io/enforce)";
    assert!(message.ends_with(last), "{message}");
    // Only one control is named if a control of restricted replaces the one of baseline.
    assert!(!message.contains("seccomp profile switched off"), "{message}");
}

#[test]
fn labels_of_ours_do_not_lower_a_default() {
    let mut spec = old();
    spec["hostNetwork"] = json!(true);
    for words in ["our-enforce=privileged", "our-enforce-version=v1.0", "our-enforce=oops"] {
        let answer = judge("defaults: {enforce: baseline}", words, &spec);
        let message = answer.denial.unwrap().message;
        assert!(message.contains("hostNetwork"), "{words}: {message}");
    }
    let answer =
        judge("defaults: {enforce: privileged, warn: baseline}", "our-warn=privileged", &spec);
    assert!(answer.warnings[0].contains("\"baseline:latest\": "), "{:?}", answer.warnings);
}

#[test]
fn pods_of_a_namespace_are_asked_for_where_anything_more_is_forbidden() {
    let config = configured("floor: {level: baseline, version: v1.30}");
    for (old, new, asks) in [
        ("enforce=baseline", "enforce=baseline", false),
        ("enforce=restricted", "enforce=baseline", false),
        ("enforce=baseline", "enforce=restricted", true),
        ("enforce=baseline", "enforce=baseline enforce-version=v1.30", false),
        ("enforce=baseline", "enforce=baseline enforce-version=v1.29", true),
        ("enforce=restricted", "enforce=privileged", false),
        ("enforce=baseline our-enforce=restricted", "enforce=restricted", false),
        ("enforce=restricted", "enforce=baseline our-enforce=restricted", false),
        ("enforce=baseline", "enforce=baseline our-enforce=restricted", true),
        ("", "our-enforce=privileged", false),
    ] {
        let ask = Ask::relabelling(&json!(labels(old)), &json!(labels(new)));
        assert_eq!(asks_for_pods(&ask, &config), asks, "{old:?} to {new:?}");
    }
}

#[test]
fn windows_pods_do_not_pass_baseline_by_restricted() {
    // Upstream skips restricted's capabilities for Windows, and its own baseline with them.
    let spec = json!({
        "os": {"name": "windows"},
        "securityContext": {"runAsNonRoot": true},
        "containers": [{
            "name": "web", "image": "nginx",
            "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}},
        }],
    });
    let restricted = "enforce=restricted";
    assert!(judge("defaults: {enforce: privileged}", restricted, &spec).denial.is_none());
    let message = judge("floor: {level: baseline}", restricted, &spec).denial.unwrap().message;
    assert!(message.contains("\"restricted:latest\": "), "{message}");
}
