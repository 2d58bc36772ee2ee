//! Accounts with restricted permissions: readable objects are judged, unreadable lists are reported.

use serde_json::{Value, json};

use crate::{
    audit::{
        program::audit,
        shop::{assert_fits_schema, namespace, shop, workloads},
    },
    support::account::{Rights, account},
    support::{
        control_plane::{ControlPlane, Who},
        process::Folder,
    },
};

fn list(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

fn unread(report: &Value) -> Vec<&str> {
    let rows = report["results"].as_array().unwrap().iter();
    rows.filter_map(|row| row["error"].as_str().and(row["source"].as_str())).collect()
}

#[tokio::test]
async fn what_may_be_listed_is_judged_and_what_may_not_is_named() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = shop(plane, "rights").await;
    let folder = Folder::new("rights");
    let rules = json!([
        list("", &["namespaces", "pods"], &["list", "get"]),
        list("apps", &["deployments", "statefulsets", "daemonsets"], &["list"]),
    ]);
    let kubeconfig = account(plane, &folder, &[Rights::Everywhere(rules)]).await;

    let outcome = audit(&kubeconfig, &["-o", "json"]);

    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    let report = outcome.report();
    assert_eq!(
        unread(&report),
        [
            "list cronjobs.batch in all namespaces",
            "list replicationcontrollers in all namespaces",
            "list replicasets.apps in all namespaces",
            "list jobs.batch in all namespaces",
        ]
    );
    let rows = report["results"].as_array().unwrap();
    let error = rows.iter().find_map(|row| row["error"].as_str()).unwrap();
    assert!(error.contains(r#"cannot list resource "cronjobs" in API group "batch""#), "{error}");
    let workloads = workloads(&report, &name);
    assert!(workloads.contains(&"Deployment web baseline restricted".to_owned()), "{workloads:?}");
    assert!(
        workloads.iter().any(|workload| workload.starts_with("ReplicaSet web-")),
        "{workloads:?}"
    );
    let row = namespace(&report, &name);
    assert_eq!(row["commandHardened"], Value::Null, "not all of it was read");
}

#[tokio::test]
async fn one_namespace_takes_rights_in_that_alone() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = shop(plane, "own").await;
    let folder = Folder::new("own-rights");
    let rules = json!([
        list("", &["namespaces"], &["get"]),
        list("", &["pods", "replicationcontrollers"], &["list"]),
        list("apps", &["*"], &["list"]),
        list("batch", &["*"], &["list"]),
    ]);
    let rights = Rights::In(name.clone(), rules);
    let kubeconfig = account(plane, &folder, &[rights]).await;

    let own = audit(&kubeconfig, &["-n", &name, "-o", "json"]);
    let all = audit(&kubeconfig, &["-o", "json"]);

    assert_eq!((own.status, all.status), (Some(0), Some(2)), "{own:?}");
    assert_eq!(workloads(&own.report(), &name).len(), 3);
    let report = all.report();
    // No list is readable in all namespaces: nothing is judged, and each list is reported.
    assert_eq!(unread(&report).len(), 9, "{report:#}");
    assert_eq!(report["namespaces"], json!([]));
    assert_fits_schema(&report);
}

#[tokio::test]
async fn a_namespace_whose_labels_may_not_be_read_is_judged_by_the_defaults() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = shop(plane, "unlabelled").await;
    let folder = Folder::new("unlabelled-rights");
    let rules = json!([
        list("", &["pods", "replicationcontrollers"], &["list"]),
        list("apps", &["*"], &["list"]),
        list("batch", &["*"], &["list"]),
    ]);
    let kubeconfig = account(plane, &folder, &[Rights::In(name.clone(), rules)]).await;

    let outcome = audit(&kubeconfig, &["-n", &name, "-o", "json"]);

    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    let report = outcome.report();
    assert_eq!(unread(&report), [format!("get namespace {name}")]);
    let row = namespace(&report, &name);
    assert_eq!((&row["labels"], &row["enforce"]), (&Value::Null, &json!("baseline:latest")));
    assert_eq!((&row["command"], &row["meets"]), (&Value::Null, &json!("baseline")));
}

#[tokio::test]
async fn a_wrong_token_is_one_line() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("wrong-token");
    let text = std::fs::read_to_string(plane.kubeconfig(Who::Admin)).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["users"][0]["user"]["token"] = json!("wrong");
    let kubeconfig = folder.write("kubeconfig", config.to_string());
    let outcome = audit(&kubeconfig, &[]);
    assert_eq!((outcome.status, outcome.out.as_str()), (Some(2), ""));
    let expected = "portcullis: cannot reach the API server: Unauthorized (code 401)\n";
    assert_eq!(outcome.err, expected);
}
