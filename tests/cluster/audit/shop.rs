//! The objects in the tests' namespaces.

use serde_json::{Value, json};

use crate::{
    support::objects::{apps, await_pods, deployment, pods, template},
    support::{
        control_plane::{ControlPlane, Who},
        user::User,
        wait::{PATIENCE, until},
    },
};

pub(crate) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// Creates a Deployment with two pods, and waits for them.
pub(crate) async fn deploy(admin: &User, namespace: &str, name: &str, pod: &Value) {
    let before = count(admin, namespace).await;
    admin.create(&apps(namespace, "deployments"), &deployment(name, pod)).await.granted();
    await_pods(admin, namespace, before + 2).await;
}

async fn count(admin: &User, namespace: &str) -> usize {
    admin.get(&pods(namespace)).await.granted()["items"].as_array().unwrap().len()
}

/// Creates a CronJob that never runs, and a Job with a pod as if it had run.
pub(crate) async fn schedule(admin: &User, namespace: &str, name: &str, pod: &Value) {
    let batch = |resource: &str| format!("/apis/batch/v1/namespaces/{namespace}/{resource}");
    let mut once = template(pod);
    once["spec"]["restartPolicy"] = json!("Never");
    let cron_job = json!({"metadata": {"name": name}, "spec": {
        "schedule": "0 0 1 1 *",
        "suspend": true,
        "jobTemplate": {"spec": {"template": once}},
    }});
    let made = admin.create(&batch("cronjobs"), &cron_job).await.granted();
    let owner = json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": made["metadata"]["uid"], "controller": true});
    let job = json!({
        "metadata": {"name": format!("{name}-1"), "ownerReferences": [owner]},
        "spec": {"template": once},
    });
    let before = count(admin, namespace).await;
    admin.create(&batch("jobs"), &job).await.granted();
    await_pods(admin, namespace, before + 1).await;
}

/// Sets a label of a namespace, as `kubectl label --overwrite` does.
pub(crate) async fn label(admin: &User, namespace: &str, key: &str, value: &str) {
    let patch = json!({"metadata": {"labels": {key: value}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &patch).await.granted();
}

/// A namespace with a Deployment that violates restricted, a CronJob and a bare pod.
pub(crate) async fn shop(plane: &ControlPlane, base: &str) -> String {
    let namespace = plane.namespace(base, &[(ENFORCE, "baseline")]).await;
    let admin = plane.user(Who::Admin).await;
    deploy(&admin, &namespace, "web", &crate::support::objects::plain("web")).await;
    schedule(&admin, &namespace, "tidy", &crate::support::objects::compliant("tidy")).await;
    admin.create(&pods(&namespace), &crate::support::objects::plain("bare")).await.granted();
    settled(&admin, &namespace).await;
    namespace
}

/// Waits until the controllers have finished, so that lists are stable.
async fn settled(admin: &User, namespace: &str) {
    until("the Deployment's pods to be counted", PATIENCE, async || {
        let sets = admin.get(&apps(namespace, "replicasets")).await.granted();
        (sets["items"][0]["status"]["replicas"] == 2).then_some(())
    })
    .await;
}

/// The row of a namespace in a report.
pub(crate) fn namespace<'r>(report: &'r Value, name: &str) -> &'r Value {
    let rows = report["namespaces"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name);
    row.unwrap_or_else(|| panic!("{name}: {report:#}"))
}

/// The workloads of a namespace in a report: `Deployment web baseline restricted`, with the levels met now and
/// hardened.
pub(crate) fn workloads(report: &Value, namespace: &str) -> Vec<String> {
    let rows = report["results"].as_array().unwrap().iter();
    let rows = rows.filter(|row| row["namespace"] == namespace);
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let keys = ["kind", "name", "meets", "meetsHardened"];
    rows.map(|row| keys.map(|key| text(row, key)).join(" ")).collect()
}

/// Asserts that a report has exactly the fields of its schema, at every depth that the schema describes.
#[track_caller]
pub(crate) fn assert_fits_schema(report: &Value) {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/report-v1.json")).unwrap();
    let wrong = misfits(&schema, &schema, report, "");
    assert_eq!(wrong, [""; 0], "{report:#}");
}

fn misfits(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return misfits(root, &root["$defs"][name], value, path);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let all: Vec<_> = choices.iter().map(|choice| misfits(root, choice, value, path)).collect();
        let is_fine = all.iter().any(Vec::is_empty);
        return if is_fine { Vec::new() } else { all.concat() };
    }
    if schema["type"] == "null" {
        return if value.is_null() { Vec::new() } else { vec![format!("{path}: not null")] };
    }
    if let Some(allowed) = schema["enum"].as_array() {
        let is_fine = allowed.contains(value);
        return if is_fine { Vec::new() } else { vec![format!("{path}: {value}")] };
    }
    match value {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(i, item)| {
                    misfits(root, &schema["items"], item, &format!("{path}[{i}]"))
                })
                .collect()
        }
        Value::Object(fields) if schema["properties"].is_object() => {
            let known = fields.iter().flat_map(|(name, field)| {
                let path = format!("{path}.{name}");
                match schema["properties"].get(name) {
                    Some(schema) => misfits(root, schema, field, &path),
                    None => vec![format!("{path}: not in the schema")],
                }
            });
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required
                .filter(|name| !fields.contains_key(name.as_str().unwrap()))
                .map(|name| format!("{path}: no {name}"));
            known.chain(missing).collect()
        }
        Value::Null if schema["type"] == "object" || schema["properties"].is_object() => {
            vec![format!("{path}: null")]
        }
        _ => Vec::new(),
    }
}
