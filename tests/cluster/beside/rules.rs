//! Rules in the modes enforce, warn and audit.

use policy::requirement::Requirement;
use serde_json::json;

use crate::{
    beside::{
        denial::denied,
        world::{ENFORCE, PROFILE, world},
    },
    support::objects::{plain, pod_path, pods},
    support::{control_plane::Who, webhooks::ENFORCE as WEBHOOK},
};

fn reason(id: &str) -> &'static str {
    Requirement::find(id).unwrap().reason()
}

#[tokio::test]
async fn each_rule_acts_by_its_mode() {
    let Ok((plane, server)) = world().await else { return };
    let namespace = server.namespace(plane, "ruled", &[(ENFORCE, "baseline")]).await;
    let developer = plane.user(Who::Developer).await;
    let mut untagged = plain("untagged");
    untagged["spec"]["containers"][0]["image"] = json!("registry.example/app");
    let mut both = untagged.clone();
    both["metadata"]["name"] = json!("both");
    both["spec"]["hostNetwork"] = json!(true);

    let answer = developer.create(&pods(&namespace), &untagged).await;
    let denial = denied(&answer, "untagged");
    assert_eq!(denial.violates, format!("violates rules: {}", reason("rules/imageTag")));
    let policy = format!(
        "policy: namespace \"{namespace}\" enforces baseline:latest (label {ENFORCE}) and rules/imageTag"
    );
    assert_eq!(denial.lines.last(), Some(&policy));
    let field = "spec.containers[0].image".to_owned();
    assert_eq!(denial.causes, [("rules/imageTag".to_owned(), field)]);
    assert!(denial.fixes().starts_with("container \"app\": "), "{denial:?}");

    // A control and a rule are in one denial.
    let answer = developer.create(&pods(&namespace), &both).await;
    let denial = denied(&answer, "both");
    let start = "violates PodSecurity \"baseline:latest\" and rules: ";
    assert!(denial.violates.starts_with(start), "{denial:?}");
    assert_eq!(denial.ids(), ["hostNamespaces", "rules/imageTag"]);

    let answer = developer.create(&pods(&namespace), &plain("web")).await;
    let warned =
        format!("Pod \"web\": would violate rules: {}", reason("rules/readOnlyRootFilesystem"));
    assert!(answer.warnings.contains(&warned), "{:?}", answer.warnings);
    let audited = reason("rules/runAsUserRange");
    assert!(!answer.warnings.iter().any(|line| line.contains(audited)), "{:?}", answer.warnings);
    answer.granted();
    let event = plane
        .audit_event("the creation of the pod", |event| {
            event["verb"] == "create"
                && event["objectRef"]["resource"] == "pods"
                && event["objectRef"]["namespace"] == namespace.as_str()
                && event["requestObject"]["metadata"]["name"] == "web"
        })
        .await;
    let violations = event["annotations"][format!("{WEBHOOK}/audit-violations")].as_str();
    let violations = violations.unwrap_or_else(|| panic!("{event:#}"));
    assert!(violations.starts_with(&format!("would violate rules: {audited} (")), "{violations}");
}

#[tokio::test]
async fn rules_hold_where_the_level_is_privileged() {
    let Ok((plane, server)) = world().await else { return };
    let namespace = server.namespace(plane, "open", &[(ENFORCE, "privileged")]).await;
    let admin = plane.user(Who::Admin).await;
    let mut pod = crate::support::objects::privileged("agent");
    admin.create(&pods(&namespace), &pod).await.granted();
    pod["metadata"]["name"] = json!("newest");
    pod["spec"]["containers"][0]["image"] = json!("registry.example/agent:latest");

    let denial = denied(&admin.create(&pods(&namespace), &pod).await, "newest");

    assert_eq!(denial.ids(), ["rules/imageTag"]);
}

#[tokio::test]
async fn a_resize_above_a_bound_is_denied() {
    let Ok((plane, server)) = world().await else { return };
    let namespace = server.namespace(plane, "bounded", &[(PROFILE, "bounded")]).await;
    let admin = plane.user(Who::Admin).await;
    let limit = |memory: &str| json!({"requests": {"cpu": "100m"}, "limits": {"memory": memory}});
    let mut pod = plain("web");
    pod["spec"]["containers"][0]["resources"] = limit("1Gi");
    admin.create(&pods(&namespace), &pod).await.granted();
    let path = format!("{}/resize", pod_path(&namespace, "web"));
    let resize = |memory: &str| json!({"spec": {"containers": [{"name": "app", "resources": limit(memory)}]}});

    let denial = denied(&admin.strategic_merge(&path, &resize("900Gi")).await, "web");
    assert_eq!(denial.ids(), ["rules/resources"]);
    assert!(denial.fixes().contains("resources.limits.memory to at most 2Gi"), "{denial:?}");
    let resized = admin.strategic_merge(&path, &resize("1536Mi")).await.granted();
    let limits = &resized["spec"]["containers"][0]["resources"]["limits"];
    assert_eq!(limits["memory"], "1536Mi");
}
