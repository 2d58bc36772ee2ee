//! Warnings about settings without effect, for what a user applies.

use admission::Hook;
use policy::config::Config;
use serde_json::{Value, json};

use crate::reviews::{ask::Server, objects::Ask};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn warnings(ask: &Ask) -> Vec<String> {
    let response = Server::new(Config::embedded()).ask(Hook::Validate, ask.text()).response();
    let lines = response["warnings"].as_array().cloned().unwrap_or_default();
    // Other lines are about the policy.
    let lines = lines.iter().map(|line| line.as_str().unwrap().to_owned());
    lines.filter(|line| line.contains(": spec.") || line.contains(": metadata.")).collect()
}

fn spec(context: &Value) -> Value {
    json!({"containers": [{"name": "web", "image": "web", "securityContext": context}]})
}

/// A Deployment whose author applied this text.
fn applied(text: &str) -> Ask {
    let object = json!({
        "metadata": {"name": "web", "annotations": {LAST_APPLIED: text}},
        "spec": {"template": {"spec": spec(&json!({}))}},
    });
    Ask { resource: "apps/deployments".to_owned(), object, ..Ask::default() }
}

/// The same with this pod.
fn applied_pod(pod: &Value) -> Ask {
    applied(&json!({"spec": {"template": pod}}).to_string())
}

#[test]
fn what_the_api_server_drops_is_found_in_what_was_applied() {
    let pod =
        json!({"spec": {"securityContext": {"readOnlyRootFilesystem": true}, "hostnetwork": true}});
    assert_eq!(
        warnings(&applied_pod(&pod)),
        [
            "Deployment \"web\": spec.template.spec.hostnetwork: unknown field \"hostnetwork\": did you mean \"hostNetwork\"?",
            "Deployment \"web\": spec.template.spec.securityContext.readOnlyRootFilesystem: a field of a container's securityContext: set it there",
        ]
    );
}

/// Every pod would pay for it, and kubectl refuses unknown fields by default.
#[test]
fn what_was_applied_as_a_pod_is_not_read_again() {
    let applied = json!({"spec": {"hostnetwork": true}}).to_string();
    let metadata = json!({"name": "web", "annotations": {LAST_APPLIED: applied}});
    let pod = json!({"metadata": metadata, "spec": spec(&json!({}))});
    assert_eq!(warnings(&Ask::pod(pod)), [""; 0]);
}

#[test]
fn capabilities_that_do_not_count_are_found_in_the_object_itself() {
    let object = json!({"metadata": {"name": "web"}, "spec": spec(&json!({"capabilities": {"drop": ["all"]}}))});
    let expected = "Pod \"web\": spec.containers[0].securityContext.capabilities.drop[0]: \"all\" does not count: write \"ALL\"";
    assert_eq!(warnings(&Ask::pod(object)), [expected]);
}

#[test]
fn labels_of_a_namespace_that_set_nothing_are_found() {
    let object = json!({"metadata": {"name": "shop",
        "labels": {"pod-security.kubernetes.io/enforced": "restricted", "team": "shop"},
        "annotations": {"pod-security.kubernetes.io/warn": "restricted"}}});
    let ask = Ask {
        resource: "namespaces".to_owned(),
        name: "shop".to_owned(),
        object,
        ..Ask::default()
    };
    assert_eq!(
        warnings(&ask),
        [
            "Namespace \"shop\": metadata.labels[pod-security.kubernetes.io/enforced]: unknown label \"pod-security.kubernetes.io/enforced\": did you mean \"pod-security.kubernetes.io/enforce\"?",
            "Namespace \"shop\": metadata.annotations[pod-security.kubernetes.io/warn]: an annotation has no effect here: set it as a label",
        ]
    );
}

#[test]
fn two_lines_count_the_rest() {
    let pod = json!({"spec": {"securityContext": {"privileged": false, "capabilities": {}, "procMount": "Default"},
        "hostnetwork": true}});
    let lines = warnings(&applied_pod(&pod));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].ends_with("(and 2 more)"), "{lines:?}");
}

/// Templates are warned about when they are applied, not once for each of their pods.
#[test]
fn what_a_controller_creates_is_not_warned_about() {
    let pod = json!({"spec": {"hostnetwork": true}});
    let mut owned = json!({"metadata": {"name": "web"}, "spec": spec(&json!({"capabilities": {"drop": ["all"]}}))});
    owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "1", "controller": true}]);
    let by = |user: &str| Ask { user: user.to_owned(), ..applied_pod(&pod) };
    for ask in [
        Ask::pod(owned),
        by("system:serviceaccount:kube-system:replicaset-controller"),
        by("system:kube-controller-manager"),
        Ask { operation: "DELETE".to_owned(), ..by("alice") },
        Ask { subresource: "ephemeralcontainers".to_owned(), ..by("alice") },
    ] {
        assert_eq!(warnings(&ask), [""; 0], "{ask:?}");
    }
    assert_eq!(warnings(&by("system:serviceaccount:argocd:application-controller")).len(), 1);
}

#[test]
fn an_annotation_that_is_no_object_or_longer_than_the_api_allows_has_no_lints() {
    for text in ["", "{", "[]", "null", "\"hostnetwork\"", "{\"spec\":[[[]]]}"] {
        assert_eq!(warnings(&applied(text)), [""; 0], "{text}");
    }
    let pod = |length: usize| json!({"metadata": {"name": "a".repeat(length)}, "spec": {"hostnetwork": true}});
    assert_eq!(warnings(&applied_pod(&pod(250 << 10))).len(), 1);
    assert_eq!(warnings(&applied_pod(&pod(256 << 10))), [""; 0]);
}
