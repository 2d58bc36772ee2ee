//! An API server that emulates an older version is judged by that version, as its built-in admission does.

use serde_json::{Value, json};

use crate::{
    reach::program::audit,
    support::control_plane::{BuiltInPodSecurity, ControlPlane, Place, Who},
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

#[tokio::test]
async fn an_emulated_version_is_what_latest_means() {
    let flags = ["--emulated-version=1.33".to_owned()];
    let started = ControlPlane::start_with(Place::Loopback, BuiltInPodSecurity::On, &flags);
    let Ok(plane) = started else {
        return;
    };
    let name = plane.namespace("emulated", &[(ENFORCE, "baseline")]).await;
    let admin = plane.user(Who::Admin).await;
    // Forbidden by baseline from v1.34 on.
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probed"}, "spec": {"containers": [{
        "name": "app",
        "image": "registry.example/app:1",
        "livenessProbe": {"httpGet": {"host": "10.1.2.3", "port": 80}},
    }]}});
    let path = format!("/api/v1/namespaces/{name}/pods");
    admin.create(&path, &pod).await.granted();

    let outcome = audit(&plane.kubeconfig(Who::Admin), &[]);

    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    let rows = report["results"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == "probed").unwrap();
    assert_eq!((&row["violations"], &row["meets"]), (&json!([]), &json!("baseline")), "{row:#}");
}
