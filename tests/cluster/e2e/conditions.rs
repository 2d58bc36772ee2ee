//! Which requests reach the server: creations, and updates that change what is judged. The API server admits all others
//! itself, so that they do not fail without the server.

use std::fmt::{self, Display};

use http::Method;
use serde_json::{Map, Value, json};

use crate::support::{
    control_plane::{BuiltInPodSecurity, ControlPlane, Who},
    objects::{apps, compliant, deployment, pods, template},
    portcullis::Portcullis,
    user::{Answer, User},
    webhooks::ADVISE,
};

/// The object of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Pod,
    Namespace,
    Deployment,
    PodTemplate,
    CronJob,
    /// With the maximum size of annotations.
    LadenPod,
    /// With this many labels.
    LadenNamespace,
    /// Also with a large template.
    LadenDeployment,
}

/// The kind of a request.
#[derive(Clone, Debug)]
enum Ask {
    /// A strategic merge patch.
    Patch(Value),
    /// A PUT of the unchanged object.
    Replace,
    /// A PUT of the object with another label.
    Relabel,
    Create(Value),
    Delete,
}

/// A request, and whether the server must be called.
#[derive(Debug)]
struct Row {
    object: Object,
    /// Such as `status`, or empty.
    subresource: &'static str,
    ask: Ask,
    is_judged: bool,
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{} {:?}", self.object, self.subresource, self.ask)
    }
}

const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";

fn rows() -> Vec<Row> {
    use Ask::{Create, Delete, Patch, Relabel, Replace};
    use Object::{CronJob, Deployment, Namespace, Pod, PodTemplate};
    use Object::{LadenDeployment, LadenNamespace, LadenPod};
    let metadata = |key: &str, value: Value| Patch(json!({"metadata": {key: value}}));
    let spec = |key: &str, value: Value| Patch(json!({"spec": {key: value}}));
    let container = |list: &str, name: &str, key: &str, value: Value| {
        Patch(json!({"spec": {list: [{"name": name, key: value}]}}))
    };
    let resources =
        |cpu: &str| container("containers", "app", "resources", json!({"requests": {"cpu": cpu}}));
    let image = "registry.example/app:2";
    let template_image = |path: &[&str]| {
        let change = json!({"spec": {"containers": [{"name": "app", "image": image}]}});
        Patch(path.iter().rev().fold(change, |inner, key| json!({*key: inner})))
    };
    let debug = json!([{"name": "debug", "image": image}]);
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {}});
    let target = json!({"target": {"apiVersion": "v1", "kind": "Node", "name": "node"}});
    let condition = json!({"conditions": [{"type": "example.com/Seen", "status": "True"}]});
    let status = Patch(json!({"status": condition}));

    [
        (Pod, "", Replace, false),
        (Pod, "", metadata("labels", json!({"seen": "yes"})), false),
        (Pod, "", metadata("labels", Value::Null), false),
        (Pod, "", metadata("finalizers", Value::Null), false),
        (Pod, "", metadata("finalizers", json!(["example.com/another"])), false),
        (Pod, "", metadata("annotations", json!({"seen": "yes"})), false),
        (Pod, "", metadata("annotations", json!({"note": null})), false),
        (Pod, "", metadata("ownerReferences", owner()), false),
        (Pod, "", metadata("annotations", json!({SECCOMP: "unconfined"})), true),
        (Pod, "", metadata("annotations", Value::Null), true),
        (Pod, "", container("containers", "app", "image", json!(image)), true),
        (Pod, "", container("initContainers", "init", "image", json!(image)), true),
        (Pod, "", spec("activeDeadlineSeconds", json!(60)), true),
        (Pod, "ephemeralcontainers", spec("ephemeralContainers", debug), true),
        (Pod, "ephemeralcontainers", Replace, false),
        (Pod, "resize", resources("200m"), true),
        (Pod, "resize", resources("100m"), false),
        (Pod, "resize", Replace, false),
        (Pod, "status", status, false),
        (Pod, "binding", Create(target), false),
        (Pod, "eviction", Create(eviction), false),
        (Pod, "", Delete, false),
        (Namespace, "", Replace, false),
        (Namespace, "", metadata("annotations", json!({"seen": "yes"})), false),
        (Namespace, "", metadata("finalizers", json!(["example.com/another"])), false),
        (
            Namespace,
            "",
            metadata("labels", json!({"pod-security.kubernetes.io/warn": "baseline"})),
            true,
        ),
        (Namespace, "status", metadata("annotations", json!({"seen": "yes"})), false),
        (Namespace, "status", Replace, false),
        (Namespace, "status", metadata("labels", json!({"seen": "yes"})), true),
        (Namespace, "finalize", Replace, false),
        (Namespace, "finalize", Relabel, true),
        (Namespace, "", Delete, false),
        (Deployment, "", Replace, false),
        (Deployment, "", metadata("labels", json!({"seen": "yes"})), false),
        (
            Deployment,
            "",
            metadata("annotations", json!({"deployment.kubernetes.io/revision": "2"})),
            false,
        ),
        (Deployment, "", metadata("finalizers", json!(["example.com/another"])), false),
        (Deployment, "scale", spec("replicas", json!(2)), false),
        (Deployment, "status", Patch(json!({"status": {"observedGeneration": 1}})), false),
        (Deployment, "", template_image(&["spec", "template"]), true),
        (Deployment, "", Delete, false),
        (PodTemplate, "", Replace, false),
        (PodTemplate, "", metadata("labels", json!({"seen": "yes"})), false),
        (PodTemplate, "", template_image(&["template"]), true),
        (CronJob, "", metadata("labels", json!({"seen": "yes"})), false),
        (CronJob, "", template_image(&["spec", "jobTemplate", "spec", "template"]), true),
        // The API server limits the cost of conditions. If it is exceeded, the request is refused, and nothing could be
        // deleted.
        (LadenPod, "", metadata("finalizers", Value::Null), false),
        (LadenPod, "", metadata("labels", json!({"seen": "yes"})), false),
        (LadenPod, "", metadata("annotations", json!({"seen": "yes"})), true),
        (LadenPod, "", metadata("annotations", Value::Null), true),
        (LadenPod, "", container("containers", "app", "image", json!(image)), true),
        (LadenNamespace, "", metadata("finalizers", json!(["example.com/another"])), false),
        (LadenNamespace, "", metadata("labels", json!({"seen": "yes"})), true),
        (LadenDeployment, "", metadata("finalizers", json!(["example.com/another"])), false),
        (LadenDeployment, "", template_image(&["spec", "template"]), true),
    ]
    .into_iter()
    .map(|(object, subresource, ask, is_judged)| Row { object, subresource, ask, is_judged })
    .collect()
}

/// Nearly 256 KiB of keys, the maximum for annotations.
fn many() -> Map<String, Value> {
    (0..50_000).map(|number| (format!("{number:x}"), json!(""))).collect()
}

fn owner() -> Value {
    json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "7"}])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_asked_about_what_is_judged_and_nothing_else() {
    use Object::{LadenNamespace, LadenPod, Namespace, Pod};
    let start = || ControlPlane::start(BuiltInPodSecurity::Off);
    let Ok(mut plane) = tokio::task::spawn_blocking(start).await.unwrap() else { return };
    let mut server = Portcullis::start(&plane, None, &[]).await;
    let namespace = server.namespace(&plane, "conditions", &[]).await;
    let admin = plane.user(Who::Admin).await;
    // Requests of controllers would be counted.
    plane.stop_controllers();
    let mut made = Vec::new();
    for row in rows().into_iter().chain(rows()) {
        let path = make(&admin, &server, &namespace, made.len(), row.object).await;
        made.push((path, row));
    }
    let while_away = made.split_off(made.len() / 2);

    for (path, row) in made {
        let before = asked(&server).await;
        let answer = ask(&admin, &path, &row).await;
        assert!(answer.code < 300, "{row}: {:#}", answer.body);
        assert_eq!(asked(&server).await - before, u32::from(row.is_judged), "{row}");
    }
    server.signal("KILL");
    server.ended().await;
    for (path, row) in while_away {
        let answer = ask(&admin, &path, &row).await;
        // Advice is optional: the request continues without it.
        let is_advised = !matches!(row.object, Pod | LadenPod | Namespace | LadenNamespace);
        if row.is_judged && !is_advised {
            assert_eq!(answer.code, 500, "{row}: {:#}", answer.body);
            let message = answer.message();
            assert!(
                message.contains("failed calling webhook") && !message.contains(ADVISE),
                "{row}: {message}"
            );
        } else {
            assert!(answer.code < 300, "{row}: {:#}", answer.body);
        }
    }
}

/// Creates a separate object for a row, and returns its path.
async fn make(
    admin: &User,
    server: &Portcullis,
    namespace: &str,
    number: usize,
    object: Object,
) -> String {
    let name = format!("row-{number}");
    let batch = format!("/apis/batch/v1/namespaces/{namespace}/cronjobs");
    let mut pod = compliant(&name);
    pod["metadata"]["labels"] = json!({"app": "web"});
    pod["metadata"]["finalizers"] = json!(["example.com/hold"]);
    pod["metadata"]["annotations"] = json!({"note": "1", SECCOMP: "runtime/default"});
    pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
    let mut init = pod["spec"]["containers"][0].clone();
    init["name"] = json!("init");
    pod["spec"]["initContainers"] = json!([init]);
    let is_laden =
        matches!(object, Object::LadenPod | Object::LadenNamespace | Object::LadenDeployment);
    let (path, mut object) = match object {
        Object::Pod | Object::LadenPod => (pods(namespace), pod),
        Object::Namespace | Object::LadenNamespace => {
            let labels = server.with_own_label(&[]);
            (
                String::from("/api/v1/namespaces"),
                crate::support::control_plane::namespace(&name, &labels),
            )
        }
        Object::Deployment | Object::LadenDeployment => {
            (apps(namespace, "deployments"), deployment(&name, &compliant(&name)))
        }
        Object::PodTemplate => (
            format!("/api/v1/namespaces/{namespace}/podtemplates"),
            json!({"metadata": {"name": name}, "template": template(&compliant(&name))}),
        ),
        Object::CronJob => {
            let mut pod = template(&compliant(&name));
            pod["spec"]["restartPolicy"] = json!("Never");
            let spec = json!({"schedule": "@yearly", "jobTemplate": {"spec": {"template": pod}}});
            (batch, json!({"metadata": {"name": name}, "spec": spec}))
        }
    };
    if is_laden {
        lade(&mut object);
    }
    admin.create(&path, &object).await.granted();
    format!("{path}/{name}")
}

fn lade(object: &mut Value) {
    let metadata = &mut object["metadata"];
    let mut annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
    annotations.extend(many());
    metadata["annotations"] = json!(annotations);
    if object["kind"] == "Namespace" {
        let labels = object["metadata"]["labels"].as_object_mut().unwrap();
        labels.extend(many().into_iter().take(20_000));
    }
    if let Some(container) = object.pointer_mut("/spec/template/spec/containers/0") {
        container["args"] = json!(vec![""; 100_000]);
    }
}

async fn ask(admin: &User, path: &str, row: &Row) -> Answer {
    let at = match row.subresource {
        "" => path.to_owned(),
        subresource => format!("{path}/{subresource}"),
    };
    match &row.ask {
        Ask::Patch(patch) => admin.strategic_merge(&at, patch).await,
        Ask::Replace | Ask::Relabel => {
            let mut object = admin.get(path).await.granted();
            if matches!(row.ask, Ask::Relabel) {
                object["metadata"]["labels"]["seen"] = json!("yes");
            }
            admin.replace(&at, &object).await
        }
        Ask::Create(object) => {
            let mut object = object.clone();
            object["metadata"] = json!({"name": path.rsplit_once('/').unwrap().1});
            admin.create(&at, &object).await
        }
        Ask::Delete => admin.try_ask(Method::DELETE, &at, None).await.unwrap(),
    }
}

/// The number of requests to the validating webhooks.
async fn asked(server: &Portcullis) -> u32 {
    let (_, page) = server.page("/metrics").await.unwrap();
    page.lines()
        .filter(|line| {
            line.starts_with("portcullis_requests_total{") && line.contains(r#"hook="validate""#)
        })
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap())
        .sum()
}
