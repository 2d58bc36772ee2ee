//! A server that writes reports, with the rights for that and no others.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{
    account::{Rights, account},
    control_plane::ControlPlane,
    portcullis::Portcullis,
    process::Folder,
    user::User,
    wait::{PATIENCE, until},
};

/// A kubeconfig of an account with the rights that the chart gives.
pub(crate) async fn reporter(plane: &ControlPlane, folder: &Folder) -> PathBuf {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let change = ["list", "create", "patch", "delete"];
    let everywhere = json!([
        rule("", &["namespaces"], &["get", "list", "watch"]),
        rule("", &["pods", "replicationcontrollers"], &["list"]),
        rule("apps", &["deployments", "statefulsets", "daemonsets", "replicasets"], &["list"]),
        rule("batch", &["cronjobs", "jobs"], &["list"]),
        rule("openreports.io", &["reports"], &change),
        rule("wgpolicyk8s.io", &["policyreports"], &change),
    ]);
    let leases = json!([rule("coordination.k8s.io", &["leases"], &["get", "create", "update"])]);
    let rights = [Rights::Everywhere(everywhere), Rights::In("default".to_owned(), leases)];
    account(plane, folder, &rights).await
}

/// Starts one that audits all the time.
pub(crate) async fn start(
    kubeconfig: &std::path::Path,
    identity: &str,
    flags: &[&str],
) -> Portcullis {
    let identity = format!("--identity={identity}");
    let mut all = vec!["--report-interval=1s", "--namespace=default", &identity];
    all.extend(flags);
    let mut server = Portcullis::launch_by(kubeconfig, None, &all);
    server.wait_ready().await;
    server
}

/// The value of a metric, 0 where it is not shown.
pub(crate) async fn metric(server: &Portcullis, series: &str) -> f64 {
    let (_, page) = server.page("/metrics").await.unwrap();
    let mut lines = page.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    lines.next().map_or(0.0, |value| value.parse().unwrap())
}

/// Waits until two more audits have ended: the second began after this was called.
pub(crate) async fn audited(server: &Portcullis) {
    for _ in 0..2 {
        let series = "portcullis_audit_last_timestamp_seconds";
        let before = metric(server, series).await;
        until("an audit", PATIENCE, async || (metric(server, series).await > before).then_some(()))
            .await;
    }
}

/// The reports of a namespace, by what they are about.
pub(crate) async fn reports(admin: &User, path: &str, namespace: &str) -> Vec<Value> {
    let list = admin.get(path).await.granted();
    let mut items = list["items"].as_array().unwrap().clone();
    items.retain(|item| item["metadata"]["namespace"] == namespace);
    items.sort_by_key(|item| item["scope"].to_string());
    items
}

/// What they are about, `Deployment/web`.
pub(crate) fn subjects(reports: &[Value]) -> Vec<String> {
    let text = |report: &Value, key: &str| report["scope"][key].as_str().unwrap().to_owned();
    reports.iter().map(|report| text(report, "kind") + "/" + &text(report, "name")).collect()
}

/// Of each result what it is, and of which control: `fail privileged`.
pub(crate) fn results(report: &Value) -> Vec<String> {
    let text = |result: &Value, key: &str| result[key].as_str().unwrap().to_owned();
    let results = report["results"].as_array().unwrap().iter();
    results.map(|result| text(result, "result") + " " + &text(result, "rule")).collect()
}
