//! Exceptions for pods of controllers: the real controllers create the pods with separate accounts.

use serde_json::{Value, json};

use crate::{
    beside::{
        denial::denied,
        profiles::adding,
        world::{ENFORCE, OURS, exception, exceptions, world},
    },
    support::objects::{apps, await_pods, deployment, pods, template},
    support::{
        control_plane::Who,
        wait::{PATIENCE, until},
    },
};

const CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";

#[tokio::test]
async fn an_owner_counts_when_its_controller_asks() {
    let Ok((plane, server)) = world().await else { return };
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    let namespace = server.namespace(plane, "owned", &[(ENFORCE, "baseline")]).await;
    let matches = json!({
        "namespaces": [namespace],
        "owners": [{"kind": "Deployment", "name": "agent"}, {"kind": "DaemonSet", "name": "agent"}],
    });
    let excused = exception("owned", &matches, &json!({"capabilities": ["NET_RAW"]}));
    admin.create(&exceptions(OURS), &excused).await.granted();
    let deployments = apps(&namespace, "deployments");
    let raw = adding("raw", &["NET_RAW"]);
    until("the exception to hold", PATIENCE, async || {
        let dry = format!("{deployments}?dryRun=All");
        let answer = developer.create(&dry, &deployment("agent", &raw)).await;
        let is_alarmed = answer.warnings.iter().any(|line| line.contains("will be rejected"));
        (!is_alarmed).then_some(())
    })
    .await;

    developer.create(&deployments, &deployment("agent", &raw)).await.granted();
    let made = await_pods(&developer, &namespace, 2).await;

    let event = plane
        .audit_event("a pod of the Deployment", |event| {
            event["verb"] == "create"
                && event["objectRef"]["resource"] == "pods"
                && event["objectRef"]["namespace"] == namespace.as_str()
                && event["responseStatus"]["code"] == 201
        })
        .await;
    assert_eq!(event["user"]["username"], CONTROLLER, "{event:#}");
    // A user who writes the same owner into a pod is not that controller, even with all permissions.
    let mut forged = raw.clone();
    forged["metadata"] = json!({
        "name": "forged",
        "labels": made[0]["metadata"]["labels"],
        "ownerReferences": made[0]["metadata"]["ownerReferences"],
    });
    let dry = format!("{}?dryRun=All", pods(&namespace));
    assert_eq!(forged["metadata"]["ownerReferences"][0]["kind"], "ReplicaSet");
    for user in [&developer, &admin] {
        let denial = denied(&user.create(&dry, &forged).await, "forged");
        assert_eq!(denial.ids(), ["capabilities_baseline"]);
    }
    // The name of another Deployment does not count, nor that of a DaemonSet in a pod of a user.
    let answer = developer.create(&deployments, &deployment("other", &raw)).await;
    assert!(answer.warnings.iter().any(|line| line.contains("will be rejected")), "{answer:?}");
    let message = failure(&developer, &namespace, "other").await;
    assert!(message.contains("NET_RAW"), "{message}");
    assert_eq!(await_pods(&developer, &namespace, 2).await.len(), 2);
    forged["metadata"]["ownerReferences"][0]["kind"] = json!("DaemonSet");
    forged["metadata"]["ownerReferences"][0]["name"] = json!("agent");
    denied(&developer.create(&dry, &forged).await, "forged");

    // A user who debugs such a pod is not the controller either: the exception does not apply to the pod then.
    let name = made[0]["metadata"]["name"].as_str().unwrap();
    let debug = format!("{}/{name}/ephemeralcontainers", pods(&namespace));
    let container = json!({"name": "debug", "image": crate::support::objects::IMAGE});
    let patch = json!({"spec": {"ephemeralContainers": [container]}});
    let denial = denied(&admin.strategic_merge(&debug, &patch).await, name);
    assert_eq!(denial.causes.len(), 1, "{denial:?}");
    assert!(denial.causes[0].1.starts_with("spec.containers[0]."), "{denial:?}");

    // The controller is denied what the exception does not name.
    let more = adding("more", &["NET_RAW", "NET_ADMIN"]);
    let set = json!({"spec": {"template": template(&more)}});
    developer.merge(&format!("{deployments}/agent"), &set).await.granted();
    let message = failure(&developer, &namespace, "agent").await;
    assert!(message.contains("NET_ADMIN") && !message.contains("NET_RAW"), "{message}");
}

/// The failure condition of the Deployment's ReplicaSet.
async fn failure(user: &crate::support::user::User, namespace: &str, deployment: &str) -> String {
    until(&format!("{deployment}'s pods to be denied"), PATIENCE, async || {
        let sets = user.get(&apps(namespace, "replicasets")).await.granted();
        let all = sets["items"].as_array()?.iter();
        let its = |set: &&Value| set["metadata"]["ownerReferences"][0]["name"] == deployment;
        let mut conditions =
            all.filter(its).filter_map(|set| set["status"]["conditions"].as_array()).flatten();
        let failed = conditions.find(|condition| condition["type"] == "ReplicaFailure")?;
        failed["message"].as_str().map(str::to_owned)
    })
    .await
}
