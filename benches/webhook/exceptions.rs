//! PolicyExceptions as in a large cluster: most for other namespaces, some for the review's, none that matches it.

use serde_json::{Value, json};

/// The path of the list.
pub(super) const PATH: &str =
    "/apis/portcullis.dev/v1alpha1/namespaces/portcullis/policyexceptions";
/// `apiVersion` and `kind`.
pub(super) const KIND: (&str, &str) = ("portcullis.dev/v1alpha1", "PolicyException");

const COUNT: usize = 3_500;

/// All exceptions. Of each hundred, one is for `payments` by name, and one by a pattern.
pub(super) fn all() -> Vec<Value> {
    (0..COUNT).map(exception).collect()
}

fn exception(number: usize) -> Value {
    let (version, kind) = KIND;
    let matches = match number % 100 {
        0 => json!({"namespaces": ["payments"], "podLabels": {"app": format!("legacy-{number}")}}),
        1 => json!({
            "namespaces": ["pay*"],
            "serviceAccounts": [format!("payments:legacy-{number}")],
            "images": ["registry.example.com/bill/*"],
        }),
        2 => json!({"namespaces": [format!("team-{number}-*")]}),
        _ => json!({
            "namespaces": [format!("team-{number}")],
            "images": [format!("registry.example.com/team-{number}/*")],
        }),
    };
    json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": {
            "name": format!("legacy-{number}"),
            "namespace": "portcullis",
            "uid": format!("3c9d5b1e-08f7-4e62-a4d1-{number:012}"),
            "resourceVersion": "1",
            "generation": 1,
        },
        "spec": {
            "match": matches,
            "allow": {
                "capabilities": ["NET_RAW"],
                "hostPaths": [{"path": "/var/log", "readOnly": true}],
            },
            "reason": "An agent that is being replaced",
            "owner": "platform@example.com",
            "expires": "2127-03-31T00:00:00Z",
        },
    })
}
