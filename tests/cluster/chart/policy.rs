//! The optional ValidatingAdmissionPolicy: the server's account may change `caBundle` and nothing else.

use serde_json::{Value, json};

use super::cluster::{Installation, bundles, shared};
use super::helm::{CHART, Helm, NO_CHECK};
use super::install::on_its_own_thread;
use crate::support::{
    user::{Answer, User},
    wait::{PATIENCE, until},
};

/// A change of a configuration, and the policy's message.
type Change = (&'static str, fn(&mut Value), &'static str);

const METADATA: &str = "and not their metadata";
const LIST: &str = "neither add nor remove nor reorder";
const FIELD: &str = "and no other field";

const CHANGES: [Change; 18] = [
    ("label", |it| it["metadata"]["labels"]["a"] = json!("b"), METADATA),
    ("no labels", |it| it["metadata"]["labels"] = Value::Null, METADATA),
    ("annotation", |it| it["metadata"]["annotations"]["a"] = json!("b"), METADATA),
    ("finalizer", |it| it["metadata"]["finalizers"] = json!(["example.com/a"]), METADATA),
    (
        "owner",
        |it| {
            it["metadata"]["ownerReferences"] =
                json!([{"apiVersion": "v1", "kind": "Namespace", "name": "default", "uid": "1"}]);
        },
        METADATA,
    ),
    ("no webhooks", |it| it["webhooks"] = json!([]), LIST),
    (
        "a webhook more",
        |it| {
            let mut more = it["webhooks"][0].clone();
            more["name"] = json!("more.portcullis.dev");
            it["webhooks"].as_array_mut().unwrap().push(more);
        },
        LIST,
    ),
    ("name", |it| it["webhooks"][0]["name"] = json!("other.portcullis.dev"), LIST),
    ("failure policy", |it| it["webhooks"][0]["failurePolicy"] = json!("Fail"), FIELD),
    ("rules", |it| it["webhooks"][0]["rules"][0]["operations"] = json!(["DELETE"]), FIELD),
    ("no rules", |it| it["webhooks"][0]["rules"] = json!([]), FIELD),
    ("service", |it| it["webhooks"][0]["clientConfig"]["service"]["name"] = json!("evil"), FIELD),
    (
        "address",
        |it| {
            let client = &mut it["webhooks"][0]["clientConfig"];
            client["service"] = Value::Null;
            client["url"] = json!("https://evil.example/");
        },
        FIELD,
    ),
    ("namespaces", |it| it["webhooks"][0]["namespaceSelector"] = json!({}), FIELD),
    (
        "objects",
        |it| it["webhooks"][0]["objectSelector"] = json!({"matchLabels": {"a": "b"}}),
        FIELD,
    ),
    ("timeout", |it| it["webhooks"][0]["timeoutSeconds"] = json!(30), FIELD),
    ("match policy", |it| it["webhooks"][0]["matchPolicy"] = json!("Exact"), FIELD),
    (
        "conditions",
        |it| {
            it["webhooks"][0]["matchConditions"] = json!([{"name": "never", "expression": "false"}])
        },
        FIELD,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_account_can_change_the_bundle_alone() {
    let (Ok(cluster), Ok(helm)) = (on_its_own_thread(shared).await, Helm::v4()) else { return };
    let it = Installation::new(cluster, "portcullis-held").await;
    let kubeconfig = it.kubeconfig.to_str().unwrap();
    let label = format!("webhooks.namespaceSelector.matchLabels.tests={}", it.name);
    let name = it.name.as_str();
    helm.run(&[
        "install",
        name,
        CHART,
        "--namespace",
        name,
        "--kubeconfig",
        kubeconfig,
        "--set",
        &label,
        "--set",
        NO_CHECK,
        "--set",
        "admissionPolicy.enabled=true",
        "--set",
        "webhooks.annotations.is=set",
    ]);
    let server = it.server().await;
    let [validating, mutating] = it.webhooks();
    in_force(&server, &validating).await;

    for path in [&validating, &mutating] {
        for (what, change, message) in CHANGES {
            refused(&server, path, what, change, message).await;
            let by_admin = try_change(&it.admin, path, change).await;
            assert_eq!(by_admin.code, 200, "{what} is no possible change: {}", by_admin.message());
        }
        let bundle: fn(&mut Value) = |it| {
            let changed = bundles(it);
            let pairs = it["webhooks"].as_array_mut().unwrap().iter_mut();
            for (webhook, changed) in pairs.zip(changed["webhooks"].as_array().unwrap()) {
                webhook["clientConfig"]["caBundle"] = changed["clientConfig"]["caBundle"].clone();
            }
        };
        try_change(&server, path, bundle).await.granted();
    }
    let never = |it: &mut Value| it["webhooks"][0]["reinvocationPolicy"] = json!("Never");
    refused(&server, &mutating, "reinvocation", never, FIELD).await;
    it.serve().await;
    it.expect_served().await;
    type_checked(&it).await;
}

/// The API server warns about expressions with type errors.
async fn type_checked(it: &Installation) {
    let path =
        format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{}", it.name);
    let status = until("the policy's expressions to be checked", PATIENCE, async || {
        let policy = it.admin.get(&path).await.granted();
        policy["status"].get("typeChecking").is_some().then(|| policy["status"].clone())
    })
    .await;
    assert!(status["typeChecking"].get("expressionWarnings").is_none(), "{status:#}");
}

async fn in_force(server: &User, path: &str) {
    let relabelled: fn(&mut Value) = |it| it["metadata"]["labels"]["a"] = json!("b");
    until("the policy to be in force", PATIENCE, async || {
        (try_change(server, path, relabelled).await.code == 422).then_some(())
    })
    .await;
}

async fn refused(server: &User, path: &str, what: &str, change: fn(&mut Value), message: &str) {
    let answer = try_change(server, path, change).await;
    assert_eq!(answer.code, 422, "{path}, {what}: {}", answer.body);
    assert!(answer.message().contains(message), "{what}: {}", answer.message());
}

/// As a merge patch with dry run: the server's account may patch, but not replace.
async fn try_change(user: &User, path: &str, change: fn(&mut Value)) -> Answer {
    let mut configuration = user.get(path).await.granted();
    configuration["metadata"].as_object_mut().unwrap().remove("managedFields");
    change(&mut configuration);
    user.merge(&format!("{path}?dryRun=All"), &configuration).await
}
