//! Events for denied pods.

use serde_json::{Value, json};

use crate::{
    reports::server::metric,
    support::{
        account::{Rights, account},
        control_plane::{ControlPlane, Who},
        objects::{apps, deployment, pods, privileged},
        portcullis::Portcullis,
        process::Folder,
        user::User,
        wait::{PATIENCE, until},
    },
};

const CONFIGURATION: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
";

#[tokio::test]
async fn a_denied_pod_is_told_of_once_where_its_owner_is_looked_at() {
    let Ok(plane) = ControlPlane::shared() else { return };
    let admin = plane.user(Who::Admin).await;
    let folder = Folder::new("events");
    let rule = |group: &str, resource: &str, verbs: &[&str]| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    let rules = json!([
        rule("", "namespaces", &["get", "list", "watch"]),
        rule("", "pods", &["list"]),
        rule("events.k8s.io", "events", &["create", "patch"]),
    ]);
    let kubeconfig = account(plane, &folder, &[Rights::Everywhere(rules)]).await;
    let flags = ["--events", "--identity=replica-1"];
    let mut server = Portcullis::launch_by(&kubeconfig, Some(CONFIGURATION), &flags);
    server.wait_ready().await;
    server.register(plane).await;
    let shop = server
        .namespace(plane, "written", &[("pod-security.kubernetes.io/enforce", "baseline")])
        .await;

    // A dry run creates no Event.
    let dry = format!("{}?dryRun=All", pods(&shop));
    assert_eq!(admin.create(&dry, &privileged("dry")).await.code, 403);
    assert_eq!(admin.create(&pods(&shop), &privileged("bare")).await.code, 403);
    let written = events(&admin, &shop, 1).await;
    assert_eq!(written[0]["regarding"]["kind"], "Namespace");
    assert_eq!(written[0]["regarding"]["name"], shop.as_str());
    let note = written[0]["note"].as_str().unwrap();
    assert!(
        note.starts_with(
            r#"pods "bare" is forbidden: violates PodSecurity "baseline:latest": privileged"#
        ),
        "{note}"
    );
    assert_eq!(
        (&written[0]["type"], &written[0]["reason"]),
        (&json!("Warning"), &json!("PodDenied"))
    );
    assert_eq!(written[0]["reportingInstance"], "replica-1");

    // The controller retries repeatedly.
    let made = deployment("web", &privileged("web"));
    admin.create(&apps(&shop, "deployments"), &made).await.granted();
    let written = events(&admin, &shop, 2).await;
    let regarding = &written[1]["regarding"];
    let set = &admin.get(&apps(&shop, "replicasets")).await.granted()["items"][0]["metadata"];
    assert_eq!(regarding["kind"], "ReplicaSet");
    assert_eq!([&regarding["name"], &regarding["uid"]], [&set["name"], &set["uid"]]);
    until("the controller to be denied again", PATIENCE, async || {
        let repeated = metric(&server, r#"portcullis_events_total{result="repeated"}"#).await;
        (repeated > 0.0).then_some(())
    })
    .await;
    assert_eq!(metric(&server, r#"portcullis_events_total{result="written"}"#).await, 2.0);
    assert_eq!(metric(&server, r#"portcullis_events_total{result="failed"}"#).await, 0.0);

    // Another replica, or the same one after a restart, adds to the existing Event.
    let mut other = Portcullis::launch_by(&kubeconfig, Some(CONFIGURATION), &flags);
    other.wait_ready().await;
    other.register(plane).await;
    let labels: serde_json::Map<String, Value> = other
        .with_own_label(&[])
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    let relabel = json!({"metadata": {"labels": labels}});
    admin.merge(&format!("/api/v1/namespaces/{shop}"), &relabel).await.granted();
    let denied = metric(&other, r#"portcullis_events_total{result="written"}"#).await;
    assert_eq!(denied, 0.0);
    until("the other to be asked", PATIENCE, async || {
        assert_eq!(admin.create(&pods(&shop), &privileged("bare")).await.code, 403);
        let written = metric(&other, r#"portcullis_events_total{result="written"}"#).await;
        (written > 0.0).then_some(())
    })
    .await;
    let counted = until("a series", PATIENCE, async || {
        let bare = events(&admin, &shop, 2).await.into_iter();
        bare.filter(|event| event["regarding"]["kind"] == "Namespace")
            .find_map(|event| event["series"]["count"].as_u64())
    })
    .await;
    assert!(counted >= 2, "{counted}");
    let all = events(&admin, &shop, 2).await;
    assert_eq!(all.len(), 2, "one for each owner: {all:#?}");
    assert_eq!(metric(&other, r#"portcullis_events_total{result="failed"}"#).await, 0.0);
}

/// Our Events in the namespace, oldest first, once there are this many.
async fn events(admin: &User, namespace: &str, count: usize) -> Vec<Value> {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    until("the Events", PATIENCE, async || {
        let list = admin.get(&path).await.granted();
        let mut ours = list["items"].as_array().unwrap().clone();
        ours.retain(|event| event["reportingController"] == "portcullis.dev/webhook");
        ours.sort_by_key(|event| event["eventTime"].to_string());
        (ours.len() >= count).then_some(ours)
    })
    .await
}
