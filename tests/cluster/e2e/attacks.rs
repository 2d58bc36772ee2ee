//! Attacks of a tenant who can create and change pods, through the real API server.

use serde_json::{Value, json};

use crate::{
    e2e::{PRIVILEGED, RESTRICTED, assert_denied, standard},
    support::{
        control_plane::Who,
        objects::{IMAGE, await_verdict, compliant, pod_path, pods, privileged},
        user::User,
    },
};

/// Nearly the maximum size for the API server, of a character that takes six bytes in reviews.
fn swollen(mut pod: Value) -> Value {
    let env: Vec<Value> = (0..10)
        .map(|index| json!({"name": format!("E{index}"), "value": "<".repeat(135_000)}))
        .collect();
    pod["spec"]["containers"][0]["env"] = env.into();
    pod
}

fn new_image() -> Value {
    json!({"spec": {"containers": [{"name": "app", "image": format!("{IMAGE}.1")}]}})
}

async fn tighten(admin: &User, namespace: &str) {
    let labels =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &labels).await.granted();
    await_verdict(admin, namespace, &privileged("probe"), 403).await;
}

#[tokio::test]
async fn a_swollen_pod_is_judged_when_made_and_when_changed() {
    let Ok((plane, server)) = standard().await else { return };
    let namespace = server.namespace(plane, "swollen", PRIVILEGED).await;
    let admin = plane.user(Who::Admin).await;
    admin.create(&pods(&namespace), &swollen(privileged("old"))).await.granted();
    tighten(&admin, &namespace).await;

    let denied = admin.create(&pods(&namespace), &swollen(privileged("bad"))).await;
    assert_denied(&denied, "bad", "restricted:latest");
    admin.create(&pods(&namespace), &swollen(compliant("good"))).await.granted();
    // The review of an update contains the pod twice.
    admin.strategic_merge(&pod_path(&namespace, "good"), &new_image()).await.granted();
    let changed = admin.strategic_merge(&pod_path(&namespace, "old"), &new_image()).await;
    assert_denied(&changed, "old", "restricted:latest");
}

/// A finalizer keeps a deleted pod for as long as its owner likes.
#[tokio::test]
async fn a_pod_that_is_being_deleted_is_judged_still() {
    let Ok((plane, server)) = standard().await else { return };
    let namespace = server.namespace(plane, "undead", PRIVILEGED).await;
    let admin = plane.user(Who::Admin).await;
    for mut pod in [privileged("bad"), compliant("good")] {
        pod["metadata"]["finalizers"] = json!(["example.com/mine"]);
        let created = admin.create(&pods(&namespace), &pod).await.granted();
        let path = pod_path(&namespace, created["metadata"]["name"].as_str().unwrap());
        admin.delete(&path).await.granted();
        let kept = admin.get(&path).await.granted();
        assert!(kept["metadata"]["deletionTimestamp"].is_string(), "{kept:#}");
    }
    tighten(&admin, &namespace).await;

    let changed = admin.strategic_merge(&pod_path(&namespace, "bad"), &new_image()).await;
    assert_denied(&changed, "bad", "restricted:latest");
    let debug = json!({"name": "debug", "image": IMAGE, "securityContext": {"privileged": true}});
    let debug = json!({"spec": {"ephemeralContainers": [debug]}});
    let path = format!("{}/ephemeralcontainers", pod_path(&namespace, "good"));
    assert_denied(&admin.strategic_merge(&path, &debug).await, "good", "restricted:latest");
    // And can be deleted.
    for name in ["bad", "good"] {
        let free = json!({"metadata": {"finalizers": null}});
        admin.merge(&pod_path(&namespace, name), &free).await.granted();
    }
}

#[tokio::test]
async fn nothing_that_is_written_on_a_pod_exempts_it() {
    let Ok((plane, server)) = standard().await else { return };
    let namespace = server.namespace(plane, "self-exempt", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;
    let keys = [
        ("portcullis.dev/enforce", "privileged"),
        ("portcullis.dev/harden", "off"),
        ("portcullis.dev/exempt", "true"),
        ("pod-security.kubernetes.io/enforce", "privileged"),
        ("pod-security.kubernetes.io/exempt", "namespace"),
        ("kubernetes.io/config.mirror", "x"),
        ("kubernetes.io/config.source", "file"),
    ];
    let all: serde_json::Map<String, Value> =
        keys.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let mut labelled = privileged("labelled");
    labelled["metadata"]["labels"] = all.clone().into();
    let mut annotated = privileged("annotated");
    // The API server itself refuses a user's mirror pod.
    annotated["metadata"]["annotations"] =
        all.into_iter().filter(|(key, _)| key != "kubernetes.io/config.mirror").collect();

    for pod in [labelled, annotated] {
        let answer = developer.create(&pods(&namespace), &pod).await;
        assert_denied(&answer, pod["metadata"]["name"].as_str().unwrap(), "restricted:latest");
    }
}

/// Webhooks select namespaces by their labels after the change. So the exclusion uses the only label that cannot be
/// changed.
#[tokio::test]
async fn a_namespace_cannot_take_another_ones_name_label() {
    let Ok((plane, server)) = standard().await else { return };
    let namespace = server.namespace(plane, "disguised", RESTRICTED).await;
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    let path = format!("/api/v1/namespaces/{namespace}");
    let disguise =
        |name: Value| json!({"metadata": {"labels": {"kubernetes.io/metadata.name": name}}});

    assert_eq!(developer.merge(&path, &disguise(json!("kube-system"))).await.code, 403);
    for name in [json!("kube-system"), json!(null)] {
        admin.merge(&path, &disguise(name)).await;
        let labels = admin.get(&path).await.granted()["metadata"]["labels"].clone();
        assert_eq!(labels["kubernetes.io/metadata.name"], namespace);
    }
}

/// Labels also change through `status` and `finalize`: they are judged there like at the namespace itself.
#[tokio::test]
async fn labels_that_come_by_a_subresource_are_judged_like_others() {
    let Ok((plane, server)) = standard().await else { return };
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    for subresource in ["status", "finalize"] {
        let namespace = server.namespace(plane, "by-subresource", PRIVILEGED).await;
        let path = format!("/api/v1/namespaces/{namespace}");
        admin.create(&pods(&namespace), &privileged("old")).await.granted();
        let object = admin.get(&path).await.granted();
        let labelled = |level| {
            let mut object = object.clone();
            object["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = json!(level);
            object
        };
        let at = format!("{path}/{subresource}");

        assert_eq!(developer.replace(&at, &labelled("restricted")).await.code, 403, "{at}");
        let invalid = admin.replace(&at, &labelled("strict")).await;
        assert_eq!((invalid.code, invalid.reason()), (422, "Invalid"), "{:#}", invalid.body);
        let stricter = admin.replace(&at, &labelled("restricted")).await;
        assert_eq!(stricter.code, 200, "{:#}", stricter.body);
        let warning = format!("existing pods in namespace \"{namespace}\" violate");
        assert!(stricter.warnings[0].starts_with(&warning), "{:?}", stricter.warnings);
        let kept = admin.get(&path).await.granted();
        assert_eq!(kept["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
        await_verdict(&admin, &namespace, &privileged("probe"), 403).await;
    }
}
