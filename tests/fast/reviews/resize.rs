//! Updates that change neither containers nor images: only a resize is judged, and only by the rule about resources.

use std::collections::BTreeMap;

use admission::Answer;
use serde_json::{Value, json};

use crate::{
    reviews::decide::{answer_about_pod, configured},
    reviews::objects::Ask,
};

const BOUNDED: &str =
    "resources: {mode: MODE, requests: [cpu], limits: [memory], max: {memory: 2Gi}}";

/// The response for a change of the resources of a pod's container.
fn update(subresource: &str, mode: &str, old: &Value, new: &Value) -> Answer {
    let rules = BOUNDED.replace("MODE", mode);
    let config = configured(&format!(
        "defaults: {{enforce: restricted}}\nrules: {{{rules}, imageTag: enforce}}\n"
    ));
    // It violates restricted and a rule about images before and after the update.
    let pod = |resources: &Value| {
        let container = json!({"name": "app", "image": "app", "resources": resources});
        json!({"metadata": {"name": "web"}, "spec": {"containers": [container]}})
    };
    let ask = Ask {
        subresource: subresource.to_owned(),
        operation: "UPDATE".to_owned(),
        object: pod(new),
        old_object: pod(old),
        ..Ask::default()
    };
    answer_about_pod(&ask, &config, &BTreeMap::new())
}

/// `request limit` of memory, `-` for none. A cpu request is set.
fn memory(words: &str) -> Value {
    let (request, limit) = words.split_once(' ').unwrap();
    let mut resources = json!({"requests": {"cpu": "1"}, "limits": {}});
    for (list, word) in [("requests", request), ("limits", limit)] {
        if word != "-" {
            resources[list]["memory"] = json!(word);
        }
    }
    resources
}

#[test]
fn what_rises_above_a_bound_is_denied_and_what_was_there_is_not() {
    for (old, new, expected) in [
        ("1Gi 1Gi", "1Gi 900Gi", Some("resources.limits.memory to at most 2Gi")),
        ("1Gi 1Gi", "900Gi 900Gi", Some("resources.requests.memory to at most 2Gi")),
        ("1Gi 1Gi", "2Gi 2Gi", None),
        ("1Gi 1Gi", "1Gi 1Gi", None),
        // It exceeded the bound before: a smaller value is allowed, a larger one is not.
        ("1Gi 8Gi", "1Gi 4Gi", None),
        ("1Gi 8Gi", "1Gi 8Gi", None),
        ("1Gi 8Gi", "1Gi 8192Mi", None),
        ("1Gi 8Gi", "1Gi 9Gi", Some("resources.limits.memory to at most 2Gi")),
        ("1Gi 8Gi", "4Gi 8Gi", Some("resources.requests.memory to at most 2Gi")),
        // A value that was missing before may stay missing.
        ("1Gi -", "2Gi -", None),
        ("1Gi -", "1Gi 900Gi", Some("resources.limits.memory to at most 2Gi")),
        ("1Gi 1Gi", "1Gi -", Some("set resources.limits.memory")),
        ("1Gi 1Gi", "1Gi 0", Some("resources.limits.memory to more than 0")),
    ] {
        for subresource in ["resize", ""] {
            let answer = update(subresource, "enforce", &memory(old), &memory(new));
            let message = answer.denial.map(|denial| denial.message).unwrap_or_default();
            assert_eq!(!message.is_empty(), expected.is_some(), "{old} to {new}: {message}");
            assert!(message.contains(expected.unwrap_or_default()), "{old} to {new}: {message}");
            // Neither controls nor rules about images are evaluated.
            let ids = ["runAsNonRoot", "imageTag", "PodSecurity"];
            assert!(ids.iter().all(|id| !message.contains(id)), "{message}");
        }
    }
}

#[test]
fn modes_that_do_not_enforce_only_report() {
    let answer = update("resize", "warn", &memory("1Gi 1Gi"), &memory("1Gi 900Gi"));
    assert!(answer.denial.is_none());
    assert!(answer.warnings.iter().any(|it| it.contains("at most 2Gi")), "{:?}", answer.warnings);
    let answer = update("resize", "audit", &memory("1Gi 1Gi"), &memory("1Gi 900Gi"));
    assert!(answer.denial.is_none() && answer.warnings.is_empty(), "{:?}", answer.warnings);
    assert!(answer.annotations["audit-violations"].contains("at most 2Gi"));
    let answer = update("resize", "enforce", &memory("1Gi 1Gi"), &memory("1Gi 1Gi"));
    assert!(answer.annotations.is_empty(), "{:?}", answer.annotations);
}
