//! Objects that the custom resource definition accepts and rejects.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    control_plane::{ControlPlane, Who},
    user::User,
    wait::{PATIENCE, until},
};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The chart's definition, as a manifest.
pub(crate) fn definition() -> Value {
    let file = "charts/portcullis/files/policyexceptions.yaml";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

pub(crate) async fn define(admin: &User) {
    let made = admin.create(DEFINITIONS, &definition()).await;
    // Another test of this process may have created it.
    assert!(matches!(made.code, 201 | 409), "{}", made.message());
    let all = "/apis/portcullis.dev/v1alpha1/policyexceptions";
    until("the definition", PATIENCE, async || (admin.get(all).await.code == 200).then_some(()))
        .await;
}

pub(crate) fn path(namespace: &str) -> String {
    format!("/apis/portcullis.dev/v1alpha1/namespaces/{namespace}/policyexceptions")
}

/// An exception with every field.
pub(crate) fn exception(name: &str) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "PolicyException",
        "metadata": {"name": name},
        "spec": {
            "match": {
                "namespaces": ["shop", "team-*"],
                "serviceAccounts": ["shop:agent", "team-*:*"],
                "images": ["registry.example/agent:*"],
                "owners": [{"kind": "DaemonSet", "name": "agent"}],
                "podLabels": {"app.kubernetes.io/name": "agent"},
            },
            "allow": {
                "capabilities": ["NET_RAW"],
                "hostPaths": [{"path": "/var/log", "readOnly": true}, {"path": "/run/agent"}],
                "hostPorts": [9100, "30000-30010"],
                "hostNamespaces": ["network", "pid"],
                "volumeTypes": ["nfs"],
                "sysctls": ["net.core.somaxconn"],
                "controls": ["runAsNonRoot"],
            },
            "reason": "the agent reads packets",
            "owner": "team-net@shop.example",
            "expires": "2027-01-31T00:00:00Z",
        },
    })
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_the_name_of_its_field() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    define(&admin).await;
    let namespace = plane.namespace("exceptions", &[]).await;
    let path = path(&namespace);

    let made = admin.create(&path, &exception("whole")).await.granted();
    assert_eq!(made["spec"]["allow"]["hostPorts"], json!([9100, "30000-30010"]));
    assert_eq!(made["spec"]["allow"]["hostPaths"][1]["readOnly"], false);

    for (pointer, value, field, why) in [
        ("/match/namespaces", json!([]), "spec.match.namespaces", "at least 1"),
        ("/match/namespaces", Value::Null, "spec.match.namespaces", "Required value"),
        ("/match/namespaces", json!(["Shop"]), "spec.match.namespaces[0]", "should match"),
        ("/match/namespaces", json!(["a", "a"]), "spec.match.namespaces[1]", "Duplicate value"),
        (
            "/match/serviceAccounts",
            json!(["agent"]),
            "spec.match.serviceAccounts[0]",
            "should match",
        ),
        ("/match/images", json!(["a b"]), "spec.match.images[0]", "should match"),
        (
            "/match/owners",
            json!([{"kind": "Pod", "name": "a"}]),
            "spec.match.owners[0].kind",
            "supported values",
        ),
        ("/match/owners", json!([{"kind": "Job"}]), "spec.match.owners[0].name", "Required value"),
        ("/allow", json!({}), "spec.allow", "must allow something"),
        ("/allow", Value::Null, "spec.allow", "Required value"),
        ("/allow/capabilities", json!([]), "spec.allow.capabilities", "at least 1"),
        ("/match/podLabels", json!({}), "spec.match.podLabels", "at least 1"),
        ("/match/podLabels", json!({"app": "a*"}), "spec.match.podLabels.app", "should match"),
        ("/match/images", json!([]), "spec.match.images", "at least 1"),
        ("/match/owners", json!([]), "spec.match.owners", "at least 1"),
        ("/match/serviceAccounts", json!([]), "spec.match.serviceAccounts", "at least 1"),
        ("/match/namespaces", json!(["-*"]), "spec.match.namespaces[0]", "should match"),
        (
            "/allow/capabilities",
            json!(["net_raw"]),
            "spec.allow.capabilities[0]",
            "supported values",
        ),
        (
            "/allow/capabilities",
            json!(["NET_RAWW"]),
            "spec.allow.capabilities[0]",
            "supported values",
        ),
        (
            "/allow/capabilities",
            json!(["CAP_SYS_ADMIN"]),
            "spec.allow.capabilities[0]",
            "supported values",
        ),
        ("/allow/hostPorts", json!(["99999"]), "spec.allow.hostPorts[0]", "should match"),
        ("/allow/hostPorts", json!(["1-65536"]), "spec.allow.hostPorts[0]", "should match"),
        ("/allow/hostPorts", json!(["0"]), "spec.allow.hostPorts[0]", "should match"),
        (
            "/allow/volumeTypes",
            json!(["hostpath"]),
            "spec.allow.volumeTypes[0]",
            "supported values",
        ),
        ("/allow/sysctls", json!(["somaxconn"]), "spec.allow.sysctls[0]", "should match"),
        ("/allow/sysctls", json!(["nett.core.somaxconn"]), "spec.allow.sysctls[0]", "should match"),
        (
            "/allow/hostPaths",
            json!([{"path": "/a/../b"}]),
            "spec.allow.hostPaths[0].path",
            "without . and ..",
        ),
        (
            "/allow/hostPaths",
            json!([{"path": "/"}]),
            "spec.allow.hostPaths[0].path",
            "should match",
        ),
        (
            "/allow/hostPaths",
            json!([{"path": "/var/*"}]),
            "spec.allow.hostPaths[0].path",
            "should match",
        ),
        (
            "/allow/hostPaths",
            json!([{"path": "/a", "readOnly": true}, {"path": "/a"}]),
            "spec.allow.hostPaths[1]",
            "Duplicate value",
        ),
        ("/allow/hostPorts", json!([0]), "spec.allow.hostPorts[0]", "greater than or equal to 1"),
        (
            "/allow/hostPorts",
            json!([70_000]),
            "spec.allow.hostPorts[0]",
            "less than or equal to 65535",
        ),
        ("/allow/hostPorts", json!(["http"]), "spec.allow.hostPorts[0]", "should match"),
        ("/allow/hostPorts", json!([true]), "spec.allow.hostPorts[0]", "must be of type"),
        (
            "/allow/hostPorts",
            json!((1..66).collect::<Vec<_>>()),
            "spec.allow.hostPorts",
            "at most 64",
        ),
        (
            "/allow/hostNamespaces",
            json!(["hostPID"]),
            "spec.allow.hostNamespaces[0]",
            "supported values",
        ),
        ("/allow/controls", json!(["hostPort"]), "spec.allow.controls[0]", "supported values"),
        (
            "/allow/controls",
            json!(["hostPorts"]),
            "spec.allow",
            "hostPorts must not be set where controls",
        ),
        (
            "/allow/volumeTypes",
            json!(["hostPath"]),
            "spec.allow.volumeTypes[0]",
            "supported values",
        ),
        ("/reason", json!(" "), "spec.reason", "should match"),
        ("/reason", Value::Null, "spec.reason", "Required value"),
        ("/owner", json!("x".repeat(257)), "spec.owner", "may not be more than 256"),
        ("/expires", json!(""), "spec.expires", "should match"),
        ("/expires", json!("next week"), "spec.expires", "date-time"),
        ("/expires", json!("2027-02-30T00:00:00Z"), "spec.expires", "date-time"),
        ("/expires", json!("2027-01-31"), "spec.expires", "should match"),
    ] {
        let mut object = exception("bad");
        set(&mut object, &format!("/spec{pointer}"), value);
        let answer = admin.create(&path, &object).await;
        let message = answer.message();
        assert_eq!(answer.code, 422, "{pointer}: {message}");
        assert!(
            message.contains(&format!("{field}: ")) && message.contains(why),
            "{pointer}: {message}"
        );
    }
}

/// An unknown field, which was meant to narrow the exception, must not be dropped silently.
#[tokio::test]
async fn what_was_to_narrow_is_kept() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    define(&admin).await;
    let namespace = plane.namespace("narrow", &[]).await;
    let mut object = exception("typo");
    set(&mut object, "/spec/match/podLabel", json!({"app": "agent"}));
    set(&mut object, "/spec/match/owners/0/namespace", json!("shop"));
    set(&mut object, "/spec/allow/hostPaths/1/readonly", json!(true));
    let kept = admin.create(&path(&namespace), &object).await.granted();
    assert_eq!(kept["spec"]["match"]["podLabel"]["app"], "agent");
    assert_eq!(kept["spec"]["match"]["owners"][0]["namespace"], "shop");
    assert_eq!(kept["spec"]["allow"]["hostPaths"][1]["readonly"], true);
}

#[tokio::test]
async fn the_status_is_written_without_changing_the_rest() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    define(&admin).await;
    let namespace = plane.namespace("status", &[]).await;
    let path = path(&namespace);
    admin.create(&path, &exception("reported")).await.granted();
    let status = |state| json!({"status": {"state": state, "message": "m", "covers": 3, "observedGeneration": 1}, "spec": {"owner": "else"}});
    let reported =
        admin.merge(&format!("{path}/reported/status"), &status("Active")).await.granted();
    assert_eq!(reported["status"]["state"], "Active");
    assert_eq!(
        (&reported["metadata"]["generation"], &reported["spec"]["owner"]),
        (&json!(1), &json!("team-net@shop.example"))
    );
    let refused = admin.merge(&format!("{path}/reported/status"), &status("Perhaps")).await;
    assert_eq!(refused.code, 422, "{}", refused.message());
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = object.pointer_mut(parent).unwrap();
    match value {
        Value::Null => drop(parent.as_object_mut().unwrap().remove(key)),
        value => parent[key] = value,
    }
}
