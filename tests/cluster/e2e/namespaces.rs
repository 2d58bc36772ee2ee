//! Labels of namespaces are checked, and take effect when they change.

use serde_json::json;

use crate::{
    e2e::{PRIVILEGED, RESTRICTED, assert_denied, mirror_pods::mirror, standard},
    support::{
        control_plane::{Who, namespace, unique_name},
        objects::{await_verdict, compliant, pods, privileged},
        wait::{PATIENCE, until},
    },
};

#[tokio::test]
async fn a_label_change_takes_effect_both_ways() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "relabelled", PRIVILEGED).await;
    let admin = plane.user(Who::Admin).await;
    let path = format!("/api/v1/namespaces/{namespace}");
    let level =
        |level| json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
    let bad = privileged("probe");
    await_verdict(&admin, &namespace, &bad, 201).await;

    admin.merge(&path, &level("baseline")).await.granted();
    await_verdict(&admin, &namespace, &bad, 403).await;
    admin.merge(&path, &level("privileged")).await.granted();
    await_verdict(&admin, &namespace, &bad, 201).await;
}

#[tokio::test]
async fn a_stricter_level_warns_of_the_pods_that_are_there() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "tightened", PRIVILEGED).await;
    let admin = plane.user(Who::Admin).await;
    admin.create(&pods(&namespace), &privileged("old")).await.granted();
    admin.create(&pods(&namespace), &compliant("good")).await.granted();

    let stricter =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let answer = admin.merge(&format!("/api/v1/namespaces/{namespace}"), &stricter).await;

    let first = format!(
        r#"existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "restricted:latest""#
    );
    assert_eq!(answer.code, 200, "{:#}", answer.body);
    assert_eq!(answer.warnings[0], first);
    let group = format!("Namespace \"{namespace}\": old: ");
    assert!(answer.warnings[1].starts_with(&group), "{:?}", answer.warnings);
    assert_eq!(answer.warnings.len(), 2);
}

#[tokio::test]
async fn an_invalid_label_is_refused() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let admin = plane.user(Who::Admin).await;

    let wrong = [("pod-security.kubernetes.io/enforce", "strict")];
    let (name, created) = server.try_namespace(plane, "invalid", &wrong).await;
    let namespace = server.namespace(plane, "valid", RESTRICTED).await;
    let patch =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/warn-version": "1.30"}}});
    let updated = admin.merge(&format!("/api/v1/namespaces/{namespace}"), &patch).await;

    assert_eq!((created.code, created.reason()), (422, "Invalid"), "{:#}", created.body);
    assert!(created.message().contains("must be one of privileged, baseline, restricted"));
    assert_eq!(admin.get(&format!("/api/v1/namespaces/{name}")).await.code, 404);
    assert_eq!((updated.code, updated.reason()), (422, "Invalid"), "{:#}", updated.body);
    assert!(updated.message().contains(r#"must be "latest" or "v1.x""#), "{}", updated.message());
}

#[tokio::test]
async fn of_two_labels_the_stricter_holds() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let developer = plane.user(Who::Developer).await;
    let both = |standard, ours| {
        [("pod-security.kubernetes.io/enforce", standard), ("portcullis.dev/enforce", ours)]
    };
    let ours = server.namespace(plane, "ours", &both("privileged", "restricted")).await;
    let theirs = server.namespace(plane, "theirs", &both("restricted", "privileged")).await;

    for namespace in [ours, theirs] {
        let answer = developer.create(&pods(&namespace), &privileged("web")).await;
        assert_denied(&answer, "web", "restricted:latest");
    }
}

#[tokio::test]
async fn a_namespace_made_anew_has_its_new_policy() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    let name = unique_name("anew");
    let object = |labels| namespace(&name, &server.with_own_label(labels));
    let path = format!("/api/v1/namespaces/{name}");
    // There is no service account yet, which the API server requires except for mirror pods.
    let bad = mirror(&privileged("bad"));

    admin.create("/api/v1/namespaces", &object(PRIVILEGED)).await.granted();
    admin.create(&format!("{}?dryRun=All", pods(&name)), &bad).await.granted();
    admin.delete(&path).await.granted();
    until("the namespace's end", PATIENCE, async || {
        (admin.get(&path).await.code == 404).then_some(())
    })
    .await;
    admin.create("/api/v1/namespaces", &object(RESTRICTED)).await.granted();
    let answer = admin.create(&pods(&name), &bad).await;

    assert_denied(&answer, "bad", "restricted:latest");
}
