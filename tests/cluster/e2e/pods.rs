//! Created and updated pods: admissions and denials, with their reasons.

use serde_json::json;

use crate::{
    e2e::{BASELINE, PRIVILEGED, RESTRICTED, assert_denied, controls, standard},
    support::{
        control_plane::Who,
        objects::{IMAGE, await_verdict, compliant, plain, pod, pod_path, pods, privileged},
    },
};

#[tokio::test]
async fn a_compliant_pod_is_admitted_without_a_word() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "compliant", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    let answer = developer.create(&pods(&namespace), &compliant("web")).await;

    assert_eq!(answer.code, 201, "{:#}", answer.body);
    assert_eq!(answer.warnings, [""; 0]);
}

#[tokio::test]
async fn a_denial_names_controls_and_fields() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "denied", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;
    let mut bad = compliant("web");
    bad["spec"]["hostNetwork"] = json!(true);
    bad["spec"]["volumes"] = json!([{"name": "logs", "hostPath": {"path": "/var/log"}}]);
    bad["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["NET_ADMIN"]);

    let answer = developer.create(&pods(&namespace), &bad).await;

    let causes = assert_denied(&answer, "web", "restricted:latest");
    assert_eq!(
        controls(&causes),
        ["hostNamespaces", "capabilities_restricted", "restrictedVolumes"]
    );
    let fields: Vec<&str> = causes.iter().map(|(_, field)| field.as_str()).collect();
    assert!(fields.contains(&"spec.hostNetwork"), "{fields:?}");
    assert!(
        fields
            .iter()
            .any(|field| field.starts_with("spec.containers[0].securityContext.capabilities.add")),
        "{fields:?}"
    );
    assert_eq!(developer.get(&pod_path(&namespace, "web")).await.code, 404);
}

#[tokio::test]
async fn a_dry_run_request_is_answered_the_same() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "request-dry-run", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;
    let path = format!("{}?dryRun=All", pods(&namespace));

    let denied = developer.create(&path, &privileged("bad")).await;
    let hardened = developer.create(&path, &plain("good")).await.granted();

    assert_denied(&denied, "bad", "restricted:latest");
    assert_eq!(hardened["spec"]["securityContext"]["runAsNonRoot"], true);
}

#[tokio::test]
async fn baseline_admits_what_restricted_denies() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "baseline", BASELINE).await;
    let developer = plane.user(Who::Developer).await;

    let admitted = developer.create(&pods(&namespace), &plain("plain")).await;
    let denied = developer.create(&pods(&namespace), &privileged("bad")).await;

    let pod = admitted.granted();
    assert_eq!(
        pod["spec"]["securityContext"],
        json!({}),
        "not hardened where baseline is enforced"
    );
    let causes = assert_denied(&denied, "bad", "baseline:latest");
    assert_eq!(
        causes,
        [("privileged".to_owned(), "spec.containers[0].securityContext.privileged".to_owned())]
    );
}

#[tokio::test]
async fn the_policy_version_decides_which_controls_there_are() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let labels = |version| [BASELINE[0], ("pod-security.kubernetes.io/enforce-version", version)];
    let old = server.namespace(plane, "old", &labels("v1.33")).await;
    let new = server.namespace(plane, "new", &labels("v1.34")).await;
    let developer = plane.user(Who::Developer).await;
    let probe = json!({"httpGet": {"host": "192.0.2.1", "port": 80}});
    let container = json!({"name": "app", "image": IMAGE, "livenessProbe": probe});
    let probing = pod("web", &json!({"containers": [container]}));

    developer.create(&pods(&old), &probing).await.granted();
    let denied = developer.create(&pods(&new), &probing).await;

    let causes = assert_denied(&denied, "web", "baseline:v1.34");
    assert_eq!(controls(&causes), ["hostProbesAndHostLifecycle"]);
}

#[tokio::test]
async fn an_update_is_judged_when_it_changes_what_runs() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "update", PRIVILEGED).await;
    let admin = plane.user(Who::Admin).await;
    let developer = plane.user(Who::Developer).await;
    developer.create(&pods(&namespace), &privileged("old")).await.granted();
    let relabel =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &relabel).await.granted();
    await_verdict(&admin, &namespace, &privileged("probe"), 403).await;
    let path = pod_path(&namespace, "old");

    let labelled = developer.merge(&path, &json!({"metadata": {"labels": {"seen": "yes"}}})).await;
    let image =
        json!({"spec": {"containers": [{"name": "app", "image": "registry.example/app:2"}]}});
    let upgraded = developer.strategic_merge(&path, &image).await;

    assert_eq!(labelled.granted()["metadata"]["labels"]["seen"], "yes");
    assert_denied(&upgraded, "old", "baseline:latest");
}
