//! The permissions of the chart's accounts: everything that their programs need, and nothing that they do not use.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    install::{RESTRICTED, direct::ask, enforcing},
    reports::definitions::{OPEN_REPORTS, define_open_reports},
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        helm::RELEASE,
        namespaces::in_namespaces,
        objects::{plain, pods, privileged},
        user::User,
        wait::{PATIENCE, until},
    },
};

/// A verb, API group, resource, and an object's name if the rule has one.
type Right = (String, String, String, Option<String>);

#[test]
fn every_right_is_used_and_none_is_missing() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let admin = cluster.user(Who::Admin).await;
        let granted = rights(&admin).await;
        assert!(granted.len() >= 4, "{granted:?}");

        work(&cluster).await;

        assert_each_is_used(&cluster, RELEASE, &granted).await;
    });
}

/// With reports and Events, which need more permissions.
#[test]
fn every_right_to_reports_and_events_is_used_and_none_is_missing() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        let admin = cluster.user(Who::Admin).await;
        define_open_reports(&admin).await;
        let mut values = enforcing();
        values["reports"] = json!({"mode": "openreports", "interval": "2s"});
        values["events"] = json!({"enabled": true});
        cluster.install(&values).await;
        let granted = rights(&admin).await;
        assert!(granted.iter().any(|(_, group, ..)| group == "openreports.io"), "{granted:?}");

        work(&cluster).await;
        let strict = cluster.namespace("strict", RESTRICTED).await;
        assert_eq!(admin.create(&pods(&strict), &privileged("denied")).await.code, 403);
        // Replicas without memory of the Event add to it.
        cluster.rollout_restart().await;
        cluster.rolled_out().await;
        assert_eq!(admin.create(&pods(&strict), &privileged("denied")).await.code, 403);
        // A report is created, and deleted when its pod meets the lower level.
        let shop = cluster
            .namespace("shop", &[("pod-security.kubernetes.io/enforce", "privileged")])
            .await;
        admin.create(&pods(&shop), &plain("web")).await.granted();
        let count = async || {
            let list = admin.get(OPEN_REPORTS).await.granted();
            let items = list["items"].as_array().unwrap().iter();
            items.filter(|item| item["metadata"]["namespace"] == shop.as_str()).count()
        };
        until("a report", PATIENCE, async || (count().await == 1).then_some(())).await;
        let labels = ["enforce", "audit", "warn"]
            .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), json!("baseline")));
        let labels: serde_json::Map<String, Value> = labels.into_iter().collect();
        let patch = json!({"metadata": {"labels": labels}});
        admin.merge(&format!("/api/v1/namespaces/{shop}"), &patch).await.granted();
        until("the report to go", PATIENCE, async || (count().await == 0).then_some(())).await;

        assert_each_is_used(&cluster, RELEASE, &granted).await;
    });
}

/// With exceptions, which need more permissions.
#[test]
fn every_right_to_exceptions_is_used_and_none_is_missing() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        let admin = cluster.user(Who::Admin).await;
        let mut values = enforcing();
        values["exceptions"] = json!({"enabled": true, "namespaces": [RELEASE]});
        cluster.install(&values).await;
        let granted = rights(&admin).await;
        assert!(granted.iter().any(|(_, group, ..)| group == "portcullis.dev"), "{granted:?}");
        assert!(granted.iter().any(|(_, _, resource, _)| resource == "leases"), "{granted:?}");

        work(&cluster).await;
        let shop =
            cluster.namespace("shop", &[("pod-security.kubernetes.io/enforce", "baseline")]).await;
        let made = format!("/apis/portcullis.dev/v1alpha1/namespaces/{RELEASE}/policyexceptions");
        admin.create(&made, &exception(&shop)).await.granted();
        until("its status", PATIENCE, async || {
            let object = admin.get(&format!("{made}/shop")).await.granted();
            (object["status"]["state"] == "Active").then_some(())
        })
        .await;
        let mut pinging = plain("web");
        pinging["spec"]["containers"][0]["securityContext"] =
            json!({"capabilities": {"add": ["NET_RAW"]}});
        admin.create(&pods(&shop), &pinging).await.granted();

        assert_each_is_used(&cluster, RELEASE, &granted).await;
    });
}

/// For the pods of a namespace.
fn exception(namespace: &str) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "PolicyException",
        "metadata": {"name": "shop"},
        "spec": {
            "match": {"namespaces": [namespace]},
            "allow": {"capabilities": ["NET_RAW"]},
            "reason": "it pings",
            "owner": "team-net",
            "expires": "2999-01-31T00:00:00Z",
        },
    })
}

/// The hooks of `helm test` and `helm uninstall` have separate accounts, which are deleted afterwards: the audit log
/// contains their requests.
#[test]
fn every_right_of_the_hooks_is_used_and_none_is_missing() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        tokio::task::block_in_place(|| {
            cluster.helm.run(&["test", RELEASE]);
            cluster.helm.run(&["uninstall", RELEASE, "--wait"]);
        });
        for hook in ["healthcheck", "cleanup"] {
            let account = format!("{RELEASE}-{hook}");
            let granted = remembered_rights(&cluster, &account);
            assert!(granted.len() >= 2, "{account}: {granted:?}");
            assert_each_is_used(&cluster, &account, &granted).await;
        }
    });
}

/// Asserts that the account used all of its permissions, and was refused nothing.
async fn assert_each_is_used(cluster: &Cluster, account: &str, granted: &BTreeSet<Right>) {
    // The last of its requests may not be in the log yet.
    let mut unused = granted.clone();
    let end = Instant::now() + Duration::from_secs(20);
    while !unused.is_empty() && Instant::now() < end {
        for event in requests(cluster, account) {
            assert_ne!(event["responseStatus"]["code"], 403, "beyond the rules: {event:#}");
            unused.retain(|right| !is_use(right, &event));
        }
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(unused, BTreeSet::new(), "granted to {account} and never used");
    assert_eq!(wildcards(granted), 0);
}

/// Makes the server use all of its features.
async fn work(cluster: &Cluster) {
    let admin = cluster.user(Who::Admin).await;
    // The namespace becomes stricter than its pods, so they are listed.
    let lenient =
        cluster.namespace("lenient", &[("pod-security.kubernetes.io/enforce", "privileged")]).await;
    admin.create(&pods(&lenient), &privileged("old")).await.granted();
    let labels: serde_json::Map<String, Value> =
        RESTRICTED.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let patch = json!({"metadata": {"labels": labels}});
    let stricter = admin.merge(&format!("/api/v1/namespaces/{lenient}"), &patch).await;
    assert!(stricter.warnings.iter().any(|line| line.contains("old")), "{stricter:?}");

    // A namespace that the server does not know yet is read directly. The API server is rarely that much ahead.
    for replica in cluster.replicas() {
        let answer =
            ask(cluster, &replica, include_str!("../../../src/cli/serve/samples/denied.json"))
                .await
                .unwrap();
        let absent = r#"failed to look up namespace \"shop\": not found"#;
        assert!(answer.contains(absent), "{answer}");
    }
}

/// The distinct permissions of the account.
async fn rights(admin: &User) -> BTreeSet<Right> {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let mut granted = BTreeSet::new();
    for (roles, bindings) in [
        (format!("{rbac}/clusterroles"), format!("{rbac}/clusterrolebindings")),
        (
            format!("{rbac}/namespaces/{RELEASE}/roles"),
            format!("{rbac}/namespaces/{RELEASE}/rolebindings"),
        ),
    ] {
        let list = admin.get(&bindings).await.granted();
        for binding in list["items"].as_array().unwrap() {
            let subjects = binding["subjects"].as_array().into_iter().flatten();
            let mut ours = subjects.filter(|subject| {
                subject["kind"] == "ServiceAccount"
                    && subject["name"] == RELEASE
                    && subject["namespace"] == RELEASE
            });
            if ours.next().is_some() {
                let name = binding["roleRef"]["name"].as_str().unwrap();
                let role = admin.get(&format!("{roles}/{name}")).await.granted();
                granted.extend(role["rules"].as_array().unwrap().iter().flat_map(each));
            }
        }
    }
    granted
}

/// The permissions of the account's roles when they were created.
fn remembered_rights(cluster: &Cluster, account: &str) -> BTreeSet<Right> {
    let mut events = cluster.plane.audit_events();
    events.retain(|event| {
        let object = &event["objectRef"];
        (object["resource"] == "roles" || object["resource"] == "clusterroles")
            && object["name"] == account
    });
    let rules = events.iter().filter_map(|event| event["requestObject"]["rules"].as_array());
    rules.flatten().flat_map(each).collect()
}

/// The single permissions of a rule.
fn each(rule: &Value) -> Vec<Right> {
    let list = |key: &str| -> Vec<String> {
        let words = rule[key].as_array().into_iter().flatten();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut names: Vec<Option<String>> = list("resourceNames").into_iter().map(Some).collect();
    if names.is_empty() {
        names.push(None);
    }
    let mut rights = Vec::new();
    for verb in list("verbs") {
        for group in list("apiGroups") {
            for resource in list("resources") {
                for name in &names {
                    rights.push((verb.clone(), group.clone(), resource.clone(), name.clone()));
                }
            }
        }
    }
    rights
}

fn wildcards(rights: &BTreeSet<Right>) -> usize {
    rights
        .iter()
        .filter(|(verb, group, resource, _)| {
            [verb, group, resource].iter().any(|word| *word == "*")
        })
        .count()
}

/// The requests of an account of the release's namespace, for objects.
fn requests(cluster: &Cluster, account: &str) -> Vec<Value> {
    let account = format!("system:serviceaccount:{RELEASE}:{account}");
    let mut events = cluster.plane.audit_events();
    events.retain(|event| {
        event["user"]["username"] == account.as_str() && event["objectRef"].is_object()
    });
    events
}

fn is_use((verb, group, resource, name): &Right, event: &Value) -> bool {
    let object = &event["objectRef"];
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let of = match text("subresource") {
        "" => text("resource").to_owned(),
        part => format!("{}/{part}", text("resource")),
    };
    // An apply that creates an object also needs the permission to create, and the log only has the apply.
    let is_made =
        verb == "create" && event["verb"] == "patch" && event["responseStatus"]["code"] == 201;
    (event["verb"] == verb.as_str() || is_made)
        && text("apiGroup") == group
        && of == *resource
        && name.as_ref().is_none_or(|name| text("name") == name)
}
