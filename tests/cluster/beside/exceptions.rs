//! PolicyExceptions in the cluster, from creation to expiry.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::{
    beside::{
        denial::denied,
        profiles::adding,
        world::{ENFORCE, OURS, exception, exceptions, in_days, world},
    },
    support::objects::{await_verdict, pods, privileged},
    support::{
        control_plane::Who,
        user::{Answer, User},
        wait::{PATIENCE, until},
        webhooks::ENFORCE as WEBHOOK,
    },
};

const BASELINE: &[(&str, &str)] = &[(ENFORCE, "baseline")];

/// For pods of a namespace with the agent's image.
fn for_agent(name: &str, namespace: &str) -> Value {
    let matches = json!({"namespaces": [namespace], "images": ["registry.example/agent:*"]});
    exception(name, &matches, &json!({"capabilities": ["NET_RAW"]}))
}

fn agent(name: &str, capabilities: &[&str]) -> Value {
    let mut pod = adding(name, capabilities);
    pod["spec"]["containers"][0]["image"] = json!("registry.example/agent:1");
    pod
}

/// The warnings about expiring exceptions.
fn ends(answer: &Answer) -> Vec<&str> {
    let lines = answer.warnings.iter().map(String::as_str);
    lines.filter(|line| line.contains(": PolicyException")).collect()
}

async fn set_end(admin: &User, name: &str, end: &str) {
    let patch = json!({"spec": {"expires": end}});
    admin.merge(&format!("{}/{name}", exceptions(OURS)), &patch).await.granted();
}

#[tokio::test]
async fn an_exception_admits_what_it_names_until_it_ends() {
    let Ok((plane, server)) = world().await else { return };
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    let namespace = server.namespace(plane, "excepted", BASELINE).await;
    let dry = format!("{}?dryRun=All", pods(&namespace));
    let before = denied(&developer.create(&dry, &agent("agent", &["NET_RAW"])).await, "agent");
    assert_eq!(before.lines.last().map(String::as_str), Some(before.policy()));

    admin.create(&exceptions(OURS), &for_agent("life", &namespace)).await.granted();
    await_verdict(&developer, &namespace, &agent("agent", &["NET_RAW"]), 201).await;

    let answer = developer.create(&pods(&namespace), &agent("agent", &["NET_RAW"])).await;
    assert_eq!(ends(&answer), [""; 0]);
    answer.granted();
    let event = plane
        .audit_event("the creation of the pod", |event| {
            event["verb"] == "create"
                && event["objectRef"]["namespace"] == namespace.as_str()
                && event["responseStatus"]["code"] == 201
                && event["requestURI"] == pods(&namespace).as_str()
        })
        .await;
    assert_eq!(event["annotations"][format!("{WEBHOOK}/exceptions")], format!("{OURS}/life"));
    // More than the exception names, another image, another namespace.
    let more = agent("more", &["NET_RAW", "NET_ADMIN"]);
    let denial = denied(&developer.create(&dry, &more).await, "more");
    assert!(denial.fixes().contains("NET_ADMIN"), "{denial:?}");
    assert!(!denial.fixes().contains("NET_RAW"), "{denial:?}");
    denied(&developer.create(&dry, &adding("other", &["NET_RAW"])).await, "other");
    let mut sidecar = agent("sidecar", &["NET_RAW"]);
    let mut second = adding("", &["NET_RAW"])["spec"]["containers"][0].clone();
    second["name"] = json!("second");
    sidecar["spec"]["containers"].as_array_mut().unwrap().push(second);
    let denial = denied(&developer.create(&dry, &sidecar).await, "sidecar");
    assert!(
        denial.causes.iter().all(|(_, field)| field.starts_with("spec.containers[1].")),
        "{denial:?}"
    );
    let mut swapped = privileged("swapped");
    swapped["spec"]["containers"][0]["image"] = json!("registry.example/agent:1");
    assert_eq!(denied(&developer.create(&dry, &swapped).await, "swapped").ids(), ["privileged"]);
    let elsewhere = server.namespace(plane, "excepted", BASELINE).await;
    let answer = developer.create(&pods(&elsewhere), &agent("agent", &["NET_RAW"])).await;
    denied(&answer, "agent");

    // A debug container with another image is not covered, but can be added.
    let debug = format!("{}/agent/ephemeralcontainers", pods(&namespace));
    let mut container = adding("debug", &["NET_RAW"])["spec"]["containers"][0].clone();
    container["name"] = json!("debug");
    let patch = json!({"spec": {"ephemeralContainers": [container]}});
    let denial = denied(&admin.strategic_merge(&debug, &patch).await, "agent");
    let fields: Vec<_> = denial.causes.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(fields, ["spec.ephemeralContainers[0].securityContext.capabilities.add"]);
    container["securityContext"] = Value::Null;
    let patch = json!({"spec": {"ephemeralContainers": [container]}});
    admin.strategic_merge(&debug, &patch).await.granted();

    // In its last seven days.
    let end = in_days(6);
    set_end(&admin, "life", &end).await;
    let message =
        format!("Pod \"agent2\": PolicyException {OURS}/life of team-net covers this until {end}");
    until("the warning of its end", PATIENCE, async || {
        let answer = developer.create(&dry, &agent("agent2", &["NET_RAW"])).await;
        let is_reported = ends(&answer) == [message.as_str()];
        answer.granted();
        is_reported.then_some(())
    })
    .await;

    let end = SystemTime::now() + Duration::from_secs(3);
    let text = jiff::Timestamp::try_from(end).unwrap().to_string();
    set_end(&admin, "life", &text).await;
    let answer = until("its end", PATIENCE, async || {
        let answer = developer.create(&dry, &agent("late", &["NET_RAW"])).await;
        (answer.code != 201).then_some(answer)
    })
    .await;
    assert!(SystemTime::now() >= end, "it ended early");
    let last = format!(
        "PolicyException {OURS}/life of team-net would have covered it, but ended at {text}"
    );
    let denial = denied(&answer, "late");
    assert_eq!(denial.lines.last(), Some(&last));
    assert_eq!(denial.ids(), ["capabilities_baseline"]);
    // It is renewed, and then deleted.
    set_end(&admin, "life", &in_days(30)).await;
    await_verdict(&developer, &namespace, &agent("renewed", &["NET_RAW"]), 201).await;
    admin.delete(&format!("{}/life", exceptions(OURS))).await.granted();
    await_verdict(&developer, &namespace, &agent("gone", &["NET_RAW"]), 403).await;
}

#[tokio::test]
async fn tenants_cannot_excuse_themselves() {
    let Ok((plane, server)) = world().await else { return };
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    let tenant = server.namespace(plane, "tenant", BASELINE).await;
    let marked = server.namespace(plane, "marked", BASELINE).await;
    admin.create(&exceptions(&tenant), &for_agent("own", &tenant)).await.granted();
    // Once this later exception is in force, the earlier one would be too.
    admin.create(&exceptions(OURS), &for_agent("marked", &marked)).await.granted();
    await_verdict(&developer, &marked, &agent("agent", &["NET_RAW"]), 201).await;

    let answer = developer.create(&pods(&tenant), &agent("agent", &["NET_RAW"])).await;

    let denial = denied(&answer, "agent");
    assert_eq!(denial.lines.last().map(String::as_str), Some(denial.policy()), "{denial:?}");
}

#[tokio::test]
async fn of_several_each_relaxes_only_what_it_names() {
    let Ok((plane, server)) = world().await else { return };
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    let namespace = server.namespace(plane, "several", BASELINE).await;
    let make = async |name: &str, allow: Value| {
        let matches = json!({"namespaces": [namespace], "podLabels": {"app": "agent"}});
        admin.create(&exceptions(OURS), &exception(name, &matches, &allow)).await.granted();
    };
    let mut pod = adding("both", &["NET_RAW"]);
    pod["metadata"]["labels"] = json!({"app": "agent"});
    pod["spec"]["volumes"] = json!([{"name": "logs", "hostPath": {"path": "/var/log"}}]);
    pod["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "logs", "mountPath": "/var/log", "readOnly": true}]);
    let dry = format!("{}?dryRun=All", pods(&namespace));
    let ids = async || {
        let answer = developer.create(&dry, &pod).await;
        denied(&answer, "both").ids().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, ["capabilities_baseline", "hostPathVolumes"]);

    make("several-raw", json!({"capabilities": ["NET_RAW"]})).await;
    until("the first to hold", PATIENCE, async || {
        (ids().await == ["hostPathVolumes"]).then_some(())
    })
    .await;
    make("several-logs", json!({"hostPaths": [{"path": "/var/log", "readOnly": true}]})).await;
    await_verdict(&developer, &namespace, &pod, 201).await;

    // Not covered: a writable mount, and another label.
    let mut writing = pod.clone();
    writing["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] = json!(false);
    let denial = denied(&developer.create(&dry, &writing).await, "both");
    assert_eq!(denial.ids(), ["hostPathVolumes"]);
    let mut other = pod.clone();
    other["metadata"]["labels"] = json!({"app": "other"});
    let denial = denied(&developer.create(&dry, &other).await, "both");
    assert_eq!(denial.ids(), ["capabilities_baseline", "hostPathVolumes"]);
}
