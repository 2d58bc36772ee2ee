//! Custom resources that describe pods: definitions that are installed while the server runs, and the warnings about
//! their objects. The definitions accept any field, as those of some projects do.

use serde_json::{Value, json};

use crate::{
    e2e::{RESTRICTED, standard},
    support::{
        control_plane::Who,
        objects::{compliant, privileged, template},
        user::User,
        wait::{PATIENCE, until},
        webhooks::CUSTOM,
    },
};

/// Kind, and the path of a pod in an object of it.
const KINDS: [(&str, &str, &str); 7] = [
    ("rollouts.argoproj.io", "Rollout", "spec.template"),
    ("rayclusters.ray.io", "RayCluster", "spec.workerGroupSpecs[0].template"),
    ("jobsets.jobset.x-k8s.io", "JobSet", "spec.replicatedJobs[0].template.spec.template"),
    ("services.serving.knative.dev", "Service", "spec.template"),
    ("inferenceservices.serving.kserve.io", "InferenceService", "spec.predictor"),
    ("workflows.argoproj.io", "Workflow", "spec.templates[0].container"),
    ("pytorchjobs.kubeflow.org", "PyTorchJob", "spec.pytorchReplicaSpecs.Worker.template"),
];

#[tokio::test]
async fn objects_of_definitions_that_come_later_are_advised_on() {
    let Ok((plane, server)) = standard().await else { return };
    let namespace = server.namespace(plane, "custom", RESTRICTED).await;
    let admin = plane.user(Who::Admin).await;
    for (name, kind, path) in KINDS {
        assert!(CUSTOM.iter().any(|(group, _)| name.ends_with(group)), "{name}");
        let objects = define(&admin, name, kind, &namespace).await;
        let answer = admin.create(&objects, &object(name, kind, path, &privileged("web"))).await;
        assert_eq!(answer.code, 201, "advice never denies: {:#}", answer.body);
        let line = format!("{kind} \"web\": would violate PodSecurity \"restricted:latest\"");
        assert!(
            answer.warnings.iter().any(|warning| warning.starts_with(&line)),
            "{kind}: {:?}",
            answer.warnings
        );
        let dry_run = format!("{objects}?dryRun=All");
        let mut good = object(name, kind, path, &compliant("web"));
        good["metadata"]["name"] = json!("good");
        let answer = admin.create(&dry_run, &good).await;
        assert_eq!((answer.code, &*answer.warnings), (201, &[] as &[String]), "{kind}");
    }
}

/// Installs a definition, and returns the path of its objects once the API server serves it.
async fn define(admin: &User, name: &str, kind: &str, namespace: &str) -> String {
    let (plural, group) = name.split_once('.').unwrap();
    let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        // The groups of Kubernetes' own community are protected.
        "metadata": {"name": name, "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": free}}],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    admin.create(definitions, &definition).await.granted();
    let path = format!("/apis/{group}/v1/namespaces/{namespace}/{plural}");
    until("the definition to be served", PATIENCE, async || {
        (admin.get(&path).await.code == 200).then_some(())
    })
    .await;
    path
}

fn object(name: &str, kind: &str, path: &str, pod: &Value) -> Value {
    let group = name.split_once('.').unwrap().1;
    let template = template(pod);
    let held = match kind {
        "InferenceService" => template["spec"].clone(),
        "Workflow" => template["spec"]["containers"][0].clone(),
        _ => template,
    };
    let held = path.rsplit('.').fold(held, |value, step| match step.strip_suffix("[0]") {
        Some(list) => json!({list: [value]}),
        None => json!({step: value}),
    });
    let mut object =
        json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": "web"}});
    object["spec"] = held["spec"].clone();
    object
}
