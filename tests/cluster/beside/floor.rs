//! The floor: labels with a lower level have no effect, however they were set.

use serde_json::json;

use crate::{
    beside::{
        denial::{Denial, denied},
        world::{CONFIGURATION, ENFORCE, HARDEN, hand_over, plane, world},
    },
    support::objects::{await_verdict, plain, pods, privileged},
    support::{
        control_plane::{ControlPlane, Who, wait_for_service_account},
        portcullis::Portcullis,
    },
};

const OPEN: &[(&str, &str)] = &[(ENFORCE, "privileged")];

async fn assert_floor_holds(plane: &ControlPlane, namespace: &str) {
    let developer = plane.user(Who::Developer).await;
    let denial: Denial =
        denied(&developer.create(&pods(namespace), &privileged("bad")).await, "bad");
    assert_eq!(denial.ids(), ["privileged"]);
    let says = "enforces baseline:latest (floor of the configuration)";
    assert!(denial.policy().ends_with(says), "{denial:?}");
    let path = format!("{}?dryRun=All", pods(namespace));
    developer.create(&path, &plain("good")).await.granted();
}

#[track_caller]
fn assert_told(warnings: &[String], namespace: &str) {
    let warning = format!(
        "namespace \"{namespace}\" asks for privileged:latest, which is below the floor of the configuration: baseline:latest is enforced"
    );
    assert!(warnings.contains(&warning), "{warnings:?}");
}

#[tokio::test]
async fn labels_do_not_get_below_it() {
    let Ok((plane, server)) = world().await else { return };
    let admin = plane.user(Who::Admin).await;

    let (made, answer) = server.try_namespace(plane, "made-low", OPEN).await;
    assert_told(&answer.warnings, &made);
    wait_for_service_account(&admin, &made).await;
    assert_floor_holds(plane, &made).await;

    // Restricted applies until the watch reports another label.
    let restricted = [(ENFORCE, "restricted"), (HARDEN, "off")];
    let changed = server.namespace(plane, "lowered", &restricted).await;
    let path = format!("/api/v1/namespaces/{changed}");
    let lower = json!({"metadata": {"labels": {ENFORCE: "privileged"}}});
    let answer = admin.merge(&path, &lower).await;
    assert_told(&answer.warnings, &changed);
    answer.granted();
    await_verdict(&admin, &changed, &plain("probe"), 201).await;
    assert_floor_holds(plane, &changed).await;

    // The webhook is not called for labels that are set through a subresource.
    let quiet = server.namespace(plane, "by-status", &restricted).await;
    let path = format!("/api/v1/namespaces/{quiet}");
    let mut object = admin.get(&path).await.granted();
    object["metadata"]["labels"][ENFORCE] = json!("privileged");
    admin.replace(&format!("{path}/status"), &object).await.granted();
    let kept = admin.get(&path).await.granted();
    assert_eq!(kept["metadata"]["labels"][ENFORCE], "privileged");
    await_verdict(&admin, &quiet, &plain("probe"), 201).await;
    assert_floor_holds(plane, &quiet).await;
}

#[tokio::test]
async fn labels_that_are_older_than_the_server_do_not_either() {
    let Ok(plane) = plane().await else { return };
    let namespace = plane.namespace("before", OPEN).await;
    let admin = plane.user(Who::Admin).await;
    admin.create(&pods(&namespace), &privileged("old")).await.granted();

    let server = Portcullis::start(plane, Some(CONFIGURATION), &[]).await;
    hand_over(&admin, &server, &namespace).await;

    assert_floor_holds(plane, &namespace).await;
}

#[tokio::test]
async fn who_is_listed_is_not_held_to_it() {
    let Ok((plane, server)) = world().await else { return };
    let (namespace, answer) = server.try_namespace(plane, "open", OPEN).await;
    assert_eq!(answer.warnings, [""; 0]);
    answer.granted();
    let admin = plane.user(Who::Admin).await;
    wait_for_service_account(&admin, &namespace).await;
    admin.create(&pods(&namespace), &privileged("agent")).await.granted();
}
