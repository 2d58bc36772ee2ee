//! Registers a server with the API server, as an installation does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::control_plane::unique_name;
use super::user::User;
use super::wait::{PATIENCE, until};

/// The webhooks' names: prefixes of their audit annotations.
pub(crate) const ENFORCE: &str = "enforce.portcullis.dev";
pub(crate) const ADVISE: &str = "advise.portcullis.dev";
pub(crate) const NAMESPACES: &str = "namespaces.portcullis.dev";
pub(crate) const HARDEN: &str = "harden.portcullis.dev";

/// Groups and resources of custom resources that the webhook advises on.
pub(crate) const CUSTOM: [(&str, &[&str]); 6] = [
    ("argoproj.io", &["rollouts", "workflows"]),
    ("jobset.x-k8s.io", &["jobsets"]),
    ("kubeflow.org", &["pytorchjobs"]),
    ("ray.io", &["rayclusters"]),
    ("serving.knative.dev", &["services"]),
    ("serving.kserve.io", &["inferenceservices"]),
];

/// The label whose value says which server a namespace is sent to, since several run
/// beside each other on one control plane.
pub(crate) const SERVER_LABEL: &str = "tests.portcullis.dev/server";

/// Registers `/validate` and `/mutate` of the server at this port for the namespaces whose
/// [`SERVER_LABEL`] is `id`, and waits until the API server calls it.
pub(crate) async fn register(admin: &User, id: &str, port: u16, authority_pem: &str) {
    let client = |path: &str| {
        json!({
            "url": format!("https://127.0.0.1:{port}{path}"),
            "caBundle": STANDARD.encode(authority_pem),
        })
    };
    let common = |name: &str, path: &str, failure_policy: &str, rules: Value| {
        json!({
            "name": name,
            "clientConfig": client(path),
            "failurePolicy": failure_policy,
            "rules": rules,
            "matchConditions": conditions(name),
            "namespaceSelector": {"matchLabels": {SERVER_LABEL: id}},
            "sideEffects": "None",
            "timeoutSeconds": 10,
            "admissionReviewVersions": ["v1"],
        })
    };
    let enforce = json!([rule(
        "",
        &["pods", "pods/ephemeralcontainers", "pods/resize"],
        &["CREATE", "UPDATE"]
    )]);
    let namespaces = json!([rule(
        "",
        &["namespaces", "namespaces/finalize", "namespaces/status"],
        &["CREATE", "UPDATE"]
    )]);
    let mut advise = vec![
        rule("", &["replicationcontrollers", "podtemplates"], &["CREATE", "UPDATE"]),
        rule(
            "apps",
            &["daemonsets", "deployments", "replicasets", "statefulsets"],
            &["CREATE", "UPDATE"],
        ),
        rule("batch", &["cronjobs", "jobs"], &["CREATE", "UPDATE"]),
    ];
    advise.extend(CUSTOM.map(|(group, plurals)| rule(group, plurals, &["CREATE", "UPDATE"])));
    let harden = json!([
        rule("", &["pods"], &["CREATE"]),
        rule("", &["pods/ephemeralcontainers"], &["UPDATE"])
    ]);

    let (validating_probe, mutating_probe) = (unique_name("probe"), unique_name("probe"));
    let validating = json!({
        "metadata": {"name": format!("validate-{id}")},
        "webhooks": [
            common(ENFORCE, "/validate", "Fail", enforce),
            common(ADVISE, "/validate", "Ignore", advise.into()),
            common(NAMESPACES, "/validate", "Fail", namespaces),
            probe(&validating_probe),
        ],
    });
    // An installation lets pods through unhardened where the server is away. Here that
    // would hide a fault.
    let mut hardening = common(HARDEN, "/mutate", "Fail", harden);
    hardening["reinvocationPolicy"] = json!("IfNeeded");
    let mutating = json!({
        "metadata": {"name": format!("mutate-{id}")},
        "webhooks": [hardening, probe(&mutating_probe)],
    });

    let configurations = "/apis/admissionregistration.k8s.io/v1";
    for (kind, configuration, probe) in [
        ("validatingwebhookconfigurations", validating, validating_probe),
        ("mutatingwebhookconfigurations", mutating, mutating_probe),
    ] {
        admin.create(&format!("{configurations}/{kind}"), &configuration).await.granted();
        in_force(admin, kind, &probe).await;
    }
}

/// The matchConditions of an installation's webhook of this name.
fn conditions(webhook: &str) -> Value {
    let install = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/install.yaml");
    let install = std::fs::read_to_string(install).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&install).unwrap();
    let webhooks = objects.iter().filter_map(|object| object["webhooks"].as_array()).flatten();
    let mut conditions = webhooks
        .filter(|installed| installed["name"] == webhook)
        .map(|installed| installed["matchConditions"].clone());
    conditions.next().expect("an installation has this webhook")
}

/// A rule for resources of one group, in version v1.
pub(crate) fn rule(group: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "resources": resources,
        "operations": operations,
        "scope": "*",
    })
}

/// A webhook that nobody serves, for config maps labelled with its name. The API server
/// learns of a whole configuration at once: when such a map is refused, the server's own
/// webhooks are in force too, whatever they would answer.
pub(crate) fn probe(name: &str) -> Value {
    json!({
        "name": format!("{name}.tests.portcullis.dev"),
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "failurePolicy": "Fail",
        "rules": [rule("", &["configmaps"], &["CREATE"])],
        "objectSelector": {"matchLabels": {SERVER_LABEL: name}},
        "sideEffects": "None",
        "timeoutSeconds": 1,
        "admissionReviewVersions": ["v1"],
    })
}

/// Waits until a configuration with this [`probe`] is in force.
pub(crate) async fn in_force(admin: &User, kind: &str, probe: &str) {
    let map = json!({"metadata": {"name": probe, "labels": {SERVER_LABEL: probe}}});
    let path = "/api/v1/namespaces/default/configmaps?dryRun=All";
    until(&format!("the API server to know the {kind}"), PATIENCE, async || {
        (admin.create(path, &map).await.code == 500).then_some(())
    })
    .await;
}
