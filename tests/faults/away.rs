//! Without any replica, everything that is not judged continues: what controllers, kubelets and users do with existing
//! pods.

use serde_json::{Value, json};

use crate::{
    RESTRICTED, report,
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Who},
        objects::{apps, compliant, deployment, pod_path, pods, privileged, template},
        portcullis::Portcullis,
        user::{Answer, User},
        wait::{PATIENCE, until},
    },
};

const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

#[tokio::test]
async fn only_what_is_judged_fails_while_no_replica_answers() {
    let Ok(plane) = ControlPlane::start(BuiltInPodSecurity::Off) else { return };
    let mut server = Portcullis::start(&plane, None, &[]).await;
    let admin = plane.user(Who::Admin).await;
    let namespace = server.namespace(&plane, "away", RESTRICTED).await;
    let room = json!({"cpu": "4", "memory": "8Gi", "pods": "10"});
    let status = json!({"capacity": room, "allocatable": room});
    let node = json!({"metadata": {"name": "node-1"}, "status": status});
    admin.create("/api/v1/nodes", &node).await.granted();
    for name in ["web", "drained-1", "drained-2"] {
        let mut pod = compliant(name);
        pod["spec"]["nodeName"] = json!("node-1");
        pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
        admin.create(&pods(&namespace), &pod).await.granted();
    }
    let job = job(&admin, &namespace).await;
    let mut three = deployment("scaled", &compliant("web"));
    three["spec"]["replicas"] = json!(3);
    admin.create(&apps(&namespace, "deployments"), &three).await.granted();
    until("three replicas", PATIENCE, async || {
        (replicas(&admin, &namespace).await == 3).then_some(())
    })
    .await;

    // While the server is available, these requests succeed.
    let path = pod_path(&namespace, "web");
    for (asked, change) in judged() {
        let path = format!("{path}{asked}?dryRun=All");
        admin.strategic_merge(&path, &change).await.granted();
    }
    let intruder = json!({"name": "debug", "image": "i", "securityContext": {"privileged": true}});
    let intruder = json!({"spec": {"ephemeralContainers": [intruder]}});
    let denied = admin.strategic_merge(&format!("{path}/ephemeralcontainers"), &intruder).await;
    assert_eq!(denied.code, 403, "{:#}", denied.body);
    server.signal("KILL");
    server.ended().await;

    metadata_changes(&admin, &path).await;
    finishes(&admin, &namespace, &job).await;
    let scale = json!({"spec": {"replicas": 1}});
    let scaled = format!("{}/scaled/scale", apps(&namespace, "deployments"));
    admin.merge(&scaled, &scale).await.granted();
    until("one replica", PATIENCE, async || {
        (replicas(&admin, &namespace).await == 1).then_some(())
    })
    .await;
    let cordon = json!({"spec": {"unschedulable": true}});
    admin.merge("/api/v1/nodes/node-1", &cordon).await.granted();
    for name in ["drained-1", "drained-2"] {
        drain(&admin, &namespace, name).await;
    }
    let refused = refused(&admin, &namespace, &path).await;
    end(&admin, &path).await;
    admin.delete(&format!("/api/v1/namespaces/{namespace}")).await.granted();
    until("the namespace to be gone", PATIENCE, async || {
        (admin.get(&format!("/api/v1/namespaces/{namespace}")).await.code == 404).then_some(())
    })
    .await;
    report(
        "no replica answers (Fail): what is not judged",
        &format!(
            "a Job finished and its pods lost their finalizer, 3 replicas were scaled to 1, a node was drained of 2 pods, \
             labels, annotations, finalizers and owners of a pod changed, and the namespace went; {refused} of {refused} \
             that are judged were refused: a new pod, an image, a debug container, a resize"
        ),
    );
}

/// Subresources and changes of a running pod that are judged.
fn judged() -> [(&'static str, Value); 3] {
    let container =
        |key: &str, value: Value| json!({"spec": {"containers": [{"name": "app", key: value}]}});
    let debug = json!([{"name": "debug", "image": "registry.example/debug:1"}]);
    [
        ("", container("image", json!("registry.example/app:2"))),
        ("/ephemeralcontainers", json!({"spec": {"ephemeralContainers": debug}})),
        ("/resize", container("resources", json!({"requests": {"cpu": "200m"}}))),
    ]
}

/// All judged requests are refused. Returns their number.
async fn refused(admin: &User, namespace: &str, pod: &str) -> usize {
    let mut answers: Vec<Answer> = vec![
        admin.create(&pods(namespace), &compliant("late")).await,
        admin.create(&pods(namespace), &privileged("bad")).await,
    ];
    for (asked, change) in judged() {
        answers.push(admin.strategic_merge(&format!("{pod}{asked}"), &change).await);
    }
    for answer in &answers {
        assert_eq!(answer.code, 500, "{:#}", answer.body);
        assert!(answer.message().contains("failed calling webhook"), "{}", answer.message());
    }
    answers.len()
}

/// Changes of a pod's metadata by users and controllers.
async fn metadata_changes(admin: &User, pod: &str) {
    for (key, value) in [
        ("labels", json!({"seen": "yes"})),
        ("annotations", json!({"seen": "yes"})),
        ("finalizers", json!(["example.com/hold"])),
        (
            "ownerReferences",
            json!([{"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "7"}]),
        ),
        ("ownerReferences", Value::Null),
        ("finalizers", Value::Null),
        ("labels", Value::Null),
    ] {
        admin.merge(pod, &json!({"metadata": {key: value}})).await.granted();
    }
}

/// Creates a Job, waits for its pod, and returns the pod's name.
async fn job(admin: &User, namespace: &str) -> String {
    let mut template = template(&compliant("job"));
    template["metadata"] = json!({"labels": {"of": "job"}});
    template["spec"]["restartPolicy"] = json!("Never");
    let job = json!({"metadata": {"name": "job"}, "spec": {"template": template}});
    admin.create(&format!("/apis/batch/v1/namespaces/{namespace}/jobs"), &job).await.granted();
    until("the Job's pod", PATIENCE, async || {
        let list =
            admin.get(&format!("{}?labelSelector=of%3Djob", pods(namespace))).await.granted();
        let pod = list["items"].as_array()?.first()?;
        assert_eq!(pod["metadata"]["finalizers"], json!([FINALIZER]));
        pod["metadata"]["name"].as_str().map(str::to_owned)
    })
    .await
}

/// The Job's pod succeeds, as the kubelet would report it, and the Job's controller releases it.
async fn finishes(admin: &User, namespace: &str, pod: &str) {
    let pod = pod_path(namespace, pod);
    let status = json!({"status": {"phase": "Succeeded"}});
    admin.merge(&format!("{pod}/status"), &status).await.granted();
    let job = format!("/apis/batch/v1/namespaces/{namespace}/jobs/job");
    until("the Job to be complete", PATIENCE, async || {
        let status = admin.get(&job).await.granted()["status"].clone();
        let conditions = status["conditions"].as_array()?;
        let is_complete =
            |condition: &Value| condition["type"] == "Complete" && condition["status"] == "True";
        conditions.iter().any(is_complete).then_some(())
    })
    .await;
    let finalizers = admin.get(&pod).await.granted()["metadata"]["finalizers"].clone();
    assert_eq!(finalizers, Value::Null);
}

async fn replicas(admin: &User, namespace: &str) -> usize {
    let list = admin.get(&format!("{}?labelSelector=app%3Dweb", pods(namespace))).await.granted();
    list["items"].as_array().unwrap().len()
}

/// Evicts a pod, and ends it as its kubelet would.
async fn drain(admin: &User, namespace: &str, name: &str) {
    let path = pod_path(namespace, name);
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    admin.create(&format!("{path}/eviction"), &eviction).await.granted();
    end(admin, &path).await;
    until("the evicted pod to be gone", PATIENCE, async || {
        (admin.get(&path).await.code == 404).then_some(())
    })
    .await;
}

async fn end(admin: &User, pod: &str) {
    let answer = admin.delete(&format!("{pod}?gracePeriodSeconds=0")).await;
    assert!([200, 404].contains(&answer.code), "{:#}", answer.body);
}
