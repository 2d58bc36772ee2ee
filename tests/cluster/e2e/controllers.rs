//! Controllers: the warnings for their authors, and the result for their pods.

use serde_json::{Value, json};

use crate::{
    e2e::{RESTRICTED, standard},
    support::{
        control_plane::Who,
        objects::{apps, await_pods, compliant, deployment, plain, privileged, selector, template},
        wait::{PATIENCE, until},
        webhooks::ENFORCE,
    },
};

#[tokio::test]
async fn a_plain_template_makes_hardened_pods_and_no_alarm() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "rollout", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    let path = apps(&namespace, "deployments");
    let answer = developer.create(&path, &deployment("web", &plain("web"))).await;

    let alarms =
        answer.warnings.iter().filter(|line| line.contains("violate") || line.contains("reject"));
    assert_eq!(alarms.count(), 0, "{:?}", answer.warnings);
    let template = &answer.granted()["spec"]["template"]["spec"];
    assert_eq!(template["securityContext"], json!({}), "templates are judged, never patched");
    for pod in await_pods(&developer, &namespace, 2).await {
        assert_eq!(pod["metadata"]["ownerReferences"][0]["kind"], "ReplicaSet");
        assert_eq!(pod["spec"]["securityContext"]["runAsNonRoot"], true);
    }
}

#[tokio::test]
async fn a_bad_template_is_admitted_with_a_warning_and_its_pods_are_denied() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "stuck", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    let path = apps(&namespace, "deployments");
    let answer = developer.create(&path, &deployment("web", &privileged("web"))).await;

    assert_eq!(answer.code, 201, "{:#}", answer.body);
    assert!(answer.warnings.iter().any(|line| line.contains(r#"PodSecurity "restricted:latest""#)));
    assert!(
        answer.warnings.iter().any(|line| line.contains("will be rejected")),
        "{:?}",
        answer.warnings
    );
    let condition = until("the replica set's failure", PATIENCE, async || {
        let sets = developer.get(&apps(&namespace, "replicasets")).await.granted();
        let conditions = sets["items"][0]["status"]["conditions"].as_array().cloned();
        conditions?.into_iter().find(|condition| condition["type"] == "ReplicaFailure")
    })
    .await;
    let message = condition["message"].as_str().unwrap();
    assert!(
        message.contains(&format!(r#"admission webhook "{ENFORCE}" denied the request"#)),
        "{message}"
    );
    assert_eq!(await_pods(&developer, &namespace, 0).await, [Value::Null; 0]);
}

#[tokio::test]
async fn every_controller_kind_is_judged() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let namespace = server.namespace(plane, "kinds", RESTRICTED).await;
    let admin = plane.user(Who::Admin).await;

    for (path, object) in controllers(&namespace, &privileged("web")) {
        let answer = admin.create(&path, &object).await;
        assert_eq!(answer.code, 201, "{path}: {:#}", answer.body);
        let line = r#"PodSecurity "restricted:latest""#;
        assert!(
            answer.warnings.iter().any(|warning| warning.contains(line)),
            "{path}: {:?}",
            answer.warnings
        );
    }
    for (path, object) in controllers(&namespace, &compliant("web")) {
        let answer = admin.create(&format!("{path}?dryRun=All"), &renamed(object)).await;
        assert_eq!(answer.code, 201, "{path}: {:#}", answer.body);
        assert_eq!(answer.warnings, [""; 0], "{path}");
    }
}

fn controllers(namespace: &str, pod: &Value) -> Vec<(String, Value)> {
    let core = |resource: &str| format!("/api/v1/namespaces/{namespace}/{resource}");
    let batch = |resource: &str| format!("/apis/batch/v1/namespaces/{namespace}/{resource}");
    let metadata = json!({"name": "web"});
    let set =
        json!({"metadata": metadata, "spec": {"selector": selector(), "template": template(pod)}});
    let mut once = template(pod);
    once["spec"]["restartPolicy"] = json!("Never");
    let job = json!({"template": once});
    vec![
        (core("podtemplates"), json!({"metadata": metadata, "template": template(pod)})),
        (
            core("replicationcontrollers"),
            json!({"metadata": metadata, "spec": {"replicas": 0, "template": template(pod)}}),
        ),
        (apps(namespace, "deployments"), set.clone()),
        (apps(namespace, "replicasets"), set.clone()),
        (apps(namespace, "statefulsets"), set.clone()),
        (apps(namespace, "daemonsets"), set),
        (batch("jobs"), json!({"metadata": metadata, "spec": job})),
        (
            batch("cronjobs"),
            json!({"metadata": metadata, "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}}),
        ),
    ]
}

fn renamed(mut object: Value) -> Value {
    object["metadata"]["name"] = json!("other");
    object
}
