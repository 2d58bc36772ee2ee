//! Several tools apply the same objects with different field managers, such as Helm and Argo CD: there are no
//! conflicts, and the second apply writes nothing. For that, the manifests set all defaults explicitly.

use std::path::Path;

use serde_json::{Value, json};

use super::apply::{apply, has_kubectl};
use super::cluster::Installation;
use super::helm::{CHART, Helm, NO_CHECK, content, objects, project};
use super::install::on_its_own_thread;
use super::kustomize::kustomize;
use super::rendering::SHAPES;
use crate::support::{
    control_plane::{BuiltInPodSecurity, ControlPlane},
    go::{Program, build},
    kubectl::kubectl,
    process::Folder,
};

const ONE: &[&str] = &["--server-side", "--field-manager=argocd-controller"];
const TWO: &[&str] = &["--server-side", "--field-manager=kustomize-controller"];

/// Fields that the API server adds and no manifest can set: it allocates them, or derives them from other fields.
const ADDED: [&str; 12] = [
    ".spec.clusterIP",
    ".spec.clusterIPs",
    ".spec.ipFamilies",
    ".spec.ipFamilyPolicy",
    // The deprecated name of serviceAccountName.
    ".spec.serviceAccount",
    ".spec.template.spec.serviceAccount",
    // Of a Job, by its uid.
    ".spec.selector",
    ".spec.template.metadata.labels",
    // By the admission plugins Priority and DefaultTolerationSeconds.
    ".spec.preemptionPolicy",
    ".spec.priority",
    ".spec.tolerations",
    // If an autoscaler sets it.
    ".spec.replicas",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_default_is_left_to_the_api_server() {
    let (Ok(cluster), Ok(helm)) = (cluster().await, Helm::v4()) else { return };
    if !has_kubectl() {
        return;
    }
    let it = Installation::new(&cluster, "portcullis-defaults").await;
    let folder = Folder::new("defaults");
    let further = [
        "hostNetwork=true,webhook.port=9443",
        "metrics.service.enabled=true",
        "tolerations[0].operator=Exists",
    ];
    for values in SHAPES.into_iter().chain(further) {
        let args = ["template", &it.name, CHART, "--namespace", &it.name, "--set"];
        let rendered = helm.run(&[&args[..], &[&values.replace("=PEM", "=")]].concat());
        for object in objects(&rendered) {
            let group = object["apiVersion"].as_str().unwrap();
            // A Pod needs its account first, and resources of others need their definitions.
            if object["kind"] == "Pod" || !is_built_in(group) {
                continue;
            }
            let file = folder.write("object.json", object.to_string());
            let file = file.to_str().unwrap();
            let create =
                ["create", "--dry-run=server", "-o", "json", "--namespace", &it.name, "-f", file];
            let made = content(&kubectl(&it.kubeconfig, &create).unwrap());
            let made: Value = serde_json::from_str(&made).unwrap();
            let mut added = Vec::new();
            compare(&object, &made, "", &mut added);
            let name = &object["metadata"]["name"];
            assert!(added.is_empty(), "{values}: {} {name}: write out {added:#?}", object["kind"]);
        }
    }
}

fn is_built_in(group: &str) -> bool {
    !group.starts_with("cert-manager.io/") && !group.starts_with("monitoring.coreos.com/")
}

/// Finds the fields that only exist in the second object.
fn compare(written: &Value, made: &Value, path: &str, added: &mut Vec<String>) {
    let is_expected = path.starts_with(".status") || ADDED.contains(&path);
    match (written, made) {
        _ if is_expected => {}
        (Value::Object(written), Value::Object(made)) => {
            for (key, made) in made {
                // The API server's own metadata.
                let is_own =
                    path == ".metadata" && !["labels", "annotations"].contains(&key.as_str());
                let path = format!("{path}.{key}");
                match written.get(key) {
                    _ if is_own => {}
                    Some(written) => compare(written, made, &path, added),
                    None => compare(&Value::Null, made, &path, added),
                }
            }
        }
        (Value::Array(written), Value::Array(made)) if written.len() == made.len() => {
            for (written, made) in written.iter().zip(made) {
                compare(written, made, &format!("{path}[]"), added);
            }
        }
        (Value::Null, _) => added.push(path.to_owned()),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn install_yaml_helm_and_kustomize_agree_on_every_field() {
    let (Ok(cluster), Ok(helms), Ok(program)) =
        (cluster().await, Helm::both(), build(Program::Kustomize))
    else {
        return;
    };
    if !has_kubectl() {
        return;
    }
    let it = Installation::existing(&cluster, "portcullis").await;
    let folder = Folder::new("managers");
    let install = project("deploy/install.yaml");
    let overlay = kustomize(&program, &project("deploy/kustomize/overlays/dry-run"));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": overlay});
    let overlay = folder.write("kustomize.json", list.to_string());
    let managers = ["helm-3", "helm-4"];
    let rendered: Vec<_> = helms
        .iter()
        .zip(managers)
        .map(|(helm, manager)| folder.write(manager, helm.template_text(&["--no-hooks"])))
        .collect();

    apply(&it, &install, ONE);
    it.expect_pods(2).await;
    it.serve().await;
    apply(&it, &overlay, TWO);
    for (file, manager) in rendered.iter().zip(managers) {
        apply(&it, file, &["--server-side", &format!("--field-manager={manager}")]);
    }
    let before = writes(&it, &install);
    assert!(before.len() > 8, "{before:#?}");
    apply(&it, &install, ONE);
    apply(&it, &overlay, TWO);
    apply(&it, &rendered[1], &["--server-side", "--field-manager=helm-4"]);
    assert_eq!(writes(&it, &install), before, "what changes nothing was written");
    it.expect_served().await;
}

/// Argo CD takes over a release of each Helm, and Helm then upgrades it.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_taken_over_and_given_back() {
    let (Ok(cluster), Ok(helms)) = (cluster().await, Helm::both()) else { return };
    if !has_kubectl() {
        return;
    }
    for (helm, name) in helms.iter().zip(["portcullis-three", "portcullis-four"]) {
        let it = Installation::new(&cluster, name).await;
        let folder = Folder::new("release");
        let kubeconfig = it.kubeconfig.to_str().unwrap();
        // The definition of exceptions belongs to only one release in a cluster.
        let crd = name == "portcullis-three";
        let admission =
            &format!("admissionPolicy.enabled=true,exceptions.enabled=true,exceptions.crd={crd}");
        // Nothing serves these webhooks, so they only apply to namespaces of this release's users.
        let label = format!("webhooks.namespaceSelector.matchLabels.tests={name}");
        let values = ["--set", admission, "--set", &label, "--set", NO_CHECK, "--namespace", name];
        let file = helm.run(&[&["template", name, CHART, "--no-hooks"], &values[..]].concat());
        let file = folder.write("rendered.yaml", file);
        let release = |verb: &str| {
            let cluster = ["--kubeconfig", kubeconfig];
            helm.run(&[&[verb, name, CHART], &values[..], &cluster].concat());
        };
        release("install");
        it.serve().await;
        apply(&it, &file, ONE);
        let before = writes(&it, &file);
        release("upgrade");
        apply(&it, &file, ONE);
        release("upgrade");
        assert_eq!(writes(&it, &file), before, "{name}: what changes nothing was written");
        it.expect_served().await;
    }
}

/// The managers and times of writes to each object, except statuses: they change with every effective write.
fn writes(it: &Installation, file: &Path) -> Vec<String> {
    let args = [
        "get",
        "-f",
        file.to_str().unwrap(),
        "-o",
        "json",
        "--show-managed-fields",
        "--namespace",
        &it.name,
    ];
    let list: Value =
        serde_json::from_str(&content(&kubectl(&it.kubeconfig, &args).unwrap())).unwrap();
    let objects = list["items"].as_array().unwrap();
    let written = |object: &Value| {
        let metadata = &object["metadata"];
        let fields = metadata["managedFields"].as_array().unwrap().iter();
        let fields: Vec<_> = fields.filter(|entry| entry.get("subresource").is_none()).collect();
        format!("{} {} {} {fields:?}", object["kind"], metadata["name"], metadata["generation"])
    };
    objects.iter().map(written).collect()
}

/// A separate control plane, because install.yaml uses fixed names.
async fn cluster() -> Result<ControlPlane, crate::support::skip::Skip> {
    on_its_own_thread(|| ControlPlane::start(BuiltInPodSecurity::On)).await
}
