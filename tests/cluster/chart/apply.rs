//! Without Helm in the cluster: `helm template --no-hooks | kubectl apply`, and `kubectl apply -f install.yaml`.

use std::path::Path;

use serde_json::json;

use super::cluster::{Installation, shared};
use super::helm::{CHART, Helm, content, objects, project};
use super::install::on_its_own_thread;
use super::rendering::SHAPES;
use crate::support::{
    kubectl::kubectl,
    process::{Folder, is_installed},
    skip::Skip,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_rendered_chart_is_applied_again_and_again() {
    let (Ok(cluster), Ok(helms)) = (on_its_own_thread(shared).await, Helm::both()) else { return };
    if !has_kubectl() {
        return;
    }
    for (helm, name, flags) in [
        (&helms[0], "portcullis-piped", &[][..]),
        (&helms[1], "portcullis-served", &["--server-side", "--field-manager=gitops"]),
    ] {
        let it = Installation::new(cluster, name).await;
        let folder = Folder::new("rendered");
        let label = format!("webhooks.namespaceSelector.matchLabels.tests={name}");
        let mut args =
            vec!["template", name, CHART, "--namespace", name, "--no-hooks", "--set", &label];
        let file = folder.write("dry-run.yaml", helm.run(&args));
        args.extend(["--set", "mode=enforce"]);
        let enforcing = folder.write("enforce.yaml", helm.run(&args));

        apply(&it, &file, flags);
        assert_eq!(it.all_webhooks().await.len(), 4, "no hook may have deleted them");
        it.expect_pods(2).await;
        it.serve().await;
        apply(&it, &file, flags);
        it.expect_served().await;
        let before = it.versions().await;
        apply(&it, &file, flags);
        assert_eq!(it.versions().await, before, "applying it again changed something");
        apply(&it, &enforcing, flags);
        assert_eq!(it.expect_served().await[0]["failurePolicy"], "Fail");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn install_yaml_needs_nothing_else() {
    let Ok(cluster) = on_its_own_thread(shared).await else { return };
    if !has_kubectl() {
        return;
    }
    let it = Installation::existing(cluster, "portcullis").await;
    let file = project("deploy/install.yaml");
    for flags in [&[][..], &["--server-side", "--force-conflicts"]] {
        apply(&it, &file, flags);
        it.expect_pods(2).await;
        it.serve().await;
        apply(&it, &file, flags);
        let webhooks = it.expect_served().await;
        assert!(webhooks.iter().all(|webhook| webhook["failurePolicy"] == "Ignore"));
    }
    // Its webhooks apply to all namespaces, including those of other tests.
    for path in it.webhooks() {
        it.admin.delete(&path).await.granted();
    }
}

/// No field is misspelt or misplaced, whatever the values. Excludes objects that need definitions of others, and the
/// Pod, which needs its account: `helm test` creates it.
#[tokio::test(flavor = "multi_thread")]
async fn every_shape_is_valid_to_the_api_server() {
    let (Ok(cluster), Ok(helm)) = (on_its_own_thread(shared).await, Helm::v4()) else { return };
    if !has_kubectl() {
        return;
    }
    let it = Installation::new(cluster, "portcullis-shapes").await;
    let folder = Folder::new("shapes");
    let kubeconfig = it.kubeconfig.to_str().unwrap();
    for values in SHAPES {
        let args = ["template", &it.name, CHART, "--namespace", &it.name, "--set"];
        let mut objects =
            objects(&helm.run(&[&args[..], &[&values.replace("=PEM", "=")]].concat()));
        objects.retain(|object| {
            let group = object["apiVersion"].as_str().unwrap();
            object["kind"] != "Pod"
                && !group.starts_with("cert-manager.io/")
                && !group.starts_with("monitoring.coreos.com/")
        });
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let file = folder.write("list.json", list.to_string());
        let file = file.to_str().unwrap();
        let create = [
            "create",
            "--dry-run=server",
            "--validate=strict",
            "--namespace",
            &it.name,
            "-f",
            file,
        ];
        let rendered = content(&kubectl(Path::new(kubeconfig), &create).unwrap());
        assert_eq!(rendered.lines().count(), objects.len(), "{rendered}");
    }
}

#[track_caller]
pub(crate) fn apply(it: &Installation, file: &Path, flags: &[&str]) {
    let args = [&["apply", "-f", file.to_str().unwrap()], flags].concat();
    content(&kubectl(&it.kubeconfig, &args).unwrap());
}

pub(crate) fn has_kubectl() -> bool {
    let is_there = is_installed("kubectl");
    if !is_there {
        let _ = Skip::needs_if_present("kubectl");
    }
    is_there
}
