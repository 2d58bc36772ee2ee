//! Where hardening adds defaults to unset fields, and where it does not.

use serde_json::{Value, json};

use crate::{
    e2e::{
        BASELINE, BASELINE_WARN_RESTRICTED, Labels, RESTRICTED, assert_denied, controls, standard,
    },
    support::{
        control_plane::{ControlPlane, Who},
        objects::{IMAGE, plain, pod, pod_path, pods},
        webhooks::HARDEN,
    },
};

#[tokio::test]
async fn a_plain_pod_becomes_one_that_passes_restricted() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "hardened", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    let answer = developer.create(&pods(&namespace), &plain("web")).await;

    assert!(
        answer.warnings.iter().any(|line| line.contains("runAsNonRoot")),
        "{:?}",
        answer.warnings
    );
    let spec = &answer.granted()["spec"];
    assert_eq!(
        spec["securityContext"],
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!(
        spec["containers"][0]["securityContext"],
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
    );
    assert!(spec["containers"][0]["volumeMounts"][0].is_object(), "the token stays mounted");
}

#[tokio::test]
async fn a_hardened_pod_is_not_patched_again() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "twice", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;
    let first = developer.create(&pods(&namespace), &plain("first")).await.granted();

    let again = pod("second", &first["spec"].clone());
    let second = developer.create(&pods(&namespace), &again).await;

    assert_eq!(second.warnings, [""; 0]);
    assert_eq!(second.granted()["spec"], first["spec"]);
    assert!(was_patched(plane, &namespace, "first").await);
    assert!(!was_patched(plane, &namespace, "second").await);
}

#[tokio::test]
async fn what_the_author_set_is_kept() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "kept", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;
    let own = json!({
        "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
        "containers": [{"name": "app", "image": IMAGE, "securityContext": {
            "readOnlyRootFilesystem": false,
            "seccompProfile": {"type": "Localhost", "localhostProfile": "own.json"},
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["NET_RAW"]},
        }}],
    });

    let spec =
        developer.create(&pods(&namespace), &pod("web", &own)).await.granted()["spec"].take();

    let context = &spec["containers"][0]["securityContext"];
    assert_eq!(context["readOnlyRootFilesystem"], false);
    assert_eq!(context["seccompProfile"]["localhostProfile"], "own.json");
    assert_eq!(
        context["capabilities"],
        json!({"add": ["NET_BIND_SERVICE"], "drop": ["NET_RAW", "ALL"]})
    );
    assert_eq!(spec["securityContext"]["runAsUser"], 1000);
    assert_eq!(spec["securityContext"]["fsGroup"], 2000);
}

#[tokio::test]
async fn an_explicit_root_user_stays_a_violation() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "root", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;
    let container = json!({"name": "app", "image": IMAGE, "securityContext": {"runAsUser": 0}});

    let rooted = pod("web", &json!({"containers": [container]}));
    let answer = developer.create(&pods(&namespace), &rooted).await;

    let causes = assert_denied(&answer, "web", "restricted:latest");
    assert_eq!(controls(&causes), ["runAsNonRoot", "runAsUser"], "all else was hardened");
    assert_eq!(answer.warnings, [""; 0], "a denial says it all");
    assert!(was_patched(plane, &namespace, "web").await);
}

#[tokio::test]
async fn the_namespace_label_chooses_the_mode() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let developer = plane.user(Who::Developer).await;
    let labelled = |base: Labels, mode| [base, &[("portcullis.dev/harden", mode)]].concat();
    let off = server.namespace(plane, "off", &labelled(RESTRICTED, "off")).await;
    let report = server.namespace(plane, "report", &labelled(BASELINE, "report")).await;
    let apply = server.namespace(plane, "apply", &labelled(BASELINE, "apply")).await;

    let refused = developer.create(&pods(&off), &plain("web")).await;
    let reported = developer.create(&pods(&report), &plain("web")).await;
    let applied = developer.create(&pods(&apply), &plain("web")).await;

    let causes = assert_denied(&refused, "web", "restricted:latest");
    assert_eq!(
        controls(&causes),
        [
            "allowPrivilegeEscalation",
            "capabilities_restricted",
            "runAsNonRoot",
            "seccompProfile_restricted"
        ]
    );
    assert!(
        reported.warnings.iter().any(|line| line.contains("runAsNonRoot")),
        "{:?}",
        reported.warnings
    );
    assert_eq!(reported.granted()["spec"]["securityContext"], json!({}));
    assert_eq!(applied.granted()["spec"]["securityContext"]["runAsNonRoot"], true);
}

#[tokio::test]
async fn auto_only_reports_where_restricted_is_not_enforced() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "reported", BASELINE_WARN_RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    let answer = developer.create(&pods(&namespace), &plain("web")).await;

    let line = r#"Pod "web": would violate PodSecurity "restricted:latest""#;
    assert!(
        answer.warnings.iter().any(|warning| warning.starts_with(line)),
        "{:?}",
        answer.warnings
    );
    assert_eq!(answer.granted()["spec"]["securityContext"], json!({}));
    assert!(!was_patched(plane, &namespace, "web").await);
}

#[tokio::test]
async fn an_update_is_never_patched() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let labels = [BASELINE, &[("portcullis.dev/harden", "off")]].concat();
    let namespace = server.namespace(plane, "updates", &labels).await;
    let (admin, developer) = (plane.user(Who::Admin).await, plane.user(Who::Developer).await);
    developer.create(&pods(&namespace), &plain("web")).await.granted();
    let apply = json!({"metadata": {"labels": {"portcullis.dev/harden": "apply"}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &apply).await.granted();

    let image =
        json!({"spec": {"containers": [{"name": "app", "image": "registry.example/app:2"}]}});
    let updated = developer.strategic_merge(&pod_path(&namespace, "web"), &image).await.granted();

    assert_eq!(updated["spec"]["securityContext"], json!({}));
}

/// Whether our mutating webhook changed the pod, by the API server's audit log.
pub(crate) async fn was_patched(plane: &ControlPlane, namespace: &str, pod: &str) -> bool {
    let event = plane
        .audit_event(&format!("the creation of {namespace}/{pod}"), |event| {
            event["verb"] == "create"
                && event["objectRef"]["resource"] == "pods"
                && event["objectRef"]["namespace"] == namespace
                && event["requestObject"]["metadata"]["name"] == pod
        })
        .await;
    let annotations = event["annotations"].as_object().expect("annotations");
    let ours: Vec<Value> = annotations
        .iter()
        .filter(|(key, _)| key.starts_with("mutation.webhook.admission.k8s.io/"))
        .map(|(_, value)| serde_json::from_str(value.as_str().unwrap()).unwrap())
        .filter(|note: &Value| note["webhook"] == HARDEN)
        .collect();
    assert!(!ours.is_empty(), "the webhook was not called for {namespace}/{pod}: {event:#}");
    ours.iter().any(|note| note["mutated"] == true)
}
