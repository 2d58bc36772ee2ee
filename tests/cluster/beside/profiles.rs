//! Profiles that a namespace selects by its label.

use serde_json::{Value, json};

use crate::{
    beside::{
        denial::denied,
        world::{ENFORCE, PROFILE, hand_over, world},
    },
    support::objects::{await_verdict, plain, pods},
    support::{control_plane::Who, webhooks::ENFORCE as WEBHOOK},
};

/// A pod that adds these capabilities.
pub(crate) fn adding(name: &str, capabilities: &[&str]) -> Value {
    let mut pod = plain(name);
    pod["spec"]["containers"][0]["securityContext"] =
        json!({"capabilities": {"add": capabilities}});
    pod
}

#[tokio::test]
async fn a_profile_lets_in_what_it_names_and_nothing_else() {
    let Ok((plane, server)) = world().await else { return };
    let labels = [(ENFORCE, "privileged"), (PROFILE, "pinger")];
    let namespace = server.namespace(plane, "pingers", &labels).await;
    let developer = plane.user(Who::Developer).await;

    developer.create(&pods(&namespace), &adding("ping", &["NET_RAW"])).await.granted();
    let more = adding("more", &["NET_RAW", "NET_ADMIN"]);
    let denial = denied(&developer.create(&pods(&namespace), &more).await, "more");

    let field = "spec.containers[0].securityContext.capabilities.add".to_owned();
    assert_eq!(denial.ids(), ["capabilities_baseline"]);
    assert!(denial.causes[0].1.starts_with(&field), "{denial:?}");
    let fixes = denial.fixes();
    assert!(fixes.contains("NET_ADMIN") && !fixes.contains("NET_RAW"), "{fixes}");
    assert!(denial.policy().ends_with("enforces baseline:latest (profile pinger)"), "{denial:?}");
    let event = plane
        .audit_event("the creation of the pod", |event| {
            event["verb"] == "create"
                && event["objectRef"]["namespace"] == namespace.as_str()
                && event["requestObject"]["metadata"]["name"] == "ping"
        })
        .await;
    assert_eq!(event["annotations"][format!("{WEBHOOK}/profile")], "pinger");
    // Labels with a higher level apply in full.
    let admin = plane.user(Who::Admin).await;
    let patch = json!({"metadata": {"labels": {ENFORCE: "restricted"}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &patch).await.granted();
    let ping = adding("again", &["NET_RAW"]);
    await_verdict(&developer, &namespace, &ping, 403).await;
}

#[tokio::test]
async fn a_profile_that_the_namespace_may_not_take_means_restricted() {
    let Ok((plane, server)) = world().await else { return };
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    for (base, profile) in [("elsewhere", "pinger"), ("pingers", "pingre")] {
        // The label was set before the server was registered.
        let labels = [(ENFORCE, "privileged"), (PROFILE, profile)];
        let namespace = plane.namespace(base, &labels).await;
        hand_over(&admin, server, &namespace).await;

        let ping = adding("ping", &["NET_RAW"]);
        let denial = denied(&developer.create(&pods(&namespace), &ping).await, "ping");

        assert_eq!(denial.ids(), ["capabilities_restricted"], "{denial:?}");
        let says = format!("enforces restricted:latest (label {PROFILE} names no profile for it)");
        assert!(denial.policy().ends_with(&says), "{denial:?}");
    }
    // If the server is called, it refuses such a label.
    let (name, answer) = server.try_namespace(plane, "elsewhere", &[(PROFILE, "pinger")]).await;
    assert_eq!((answer.code, answer.reason()), (422, "Invalid"), "{:#}", answer.body);
    assert!(answer.message().contains(PROFILE), "{}", answer.message());
    assert_eq!(admin.get(&format!("/api/v1/namespaces/{name}")).await.code, 404);
    let namespace = server.namespace(plane, "elsewhere", &[]).await;
    let patch = json!({"metadata": {"labels": {PROFILE: "pinger"}}});
    let answer = admin.merge(&format!("/api/v1/namespaces/{namespace}"), &patch).await;
    assert_eq!((answer.code, answer.reason()), (422, "Invalid"), "{:#}", answer.body);
}
