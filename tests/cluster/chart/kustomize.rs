//! The kustomizations render the same objects as the chart with the corresponding values.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::helm::{Helm, content, objects, project};
use crate::support::{
    go::{Program, build},
    process::Folder,
};

const DRY_RUN: &str = "";
const ENFORCE: &str = "mode=enforce";
const HARDEN: &str = "mode=enforce,config.harden.mode=apply";
const CERT_MANAGER: &str = "certs.mode=certManager";
const NETWORK_POLICY: &str = "networkPolicy.enabled=true";
const MONITORING: &str = "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,\
                          metrics.grafanaDashboard.enabled=true";

#[test]
fn each_overlay_is_the_chart_with_its_values() {
    let Ok(program) = build(Program::Kustomize) else { return };
    let Ok(helm) = Helm::v4() else { return };
    for (overlay, values) in [("dry-run", DRY_RUN), ("enforce", ENFORCE), ("harden", HARDEN)] {
        let folder = project("deploy/kustomize/overlays").join(overlay);
        compare(&kustomize(&program, &folder), &helm, &[values]);
    }
}

#[test]
fn each_component_is_the_chart_with_its_values() {
    let Ok(program) = build(Program::Kustomize) else { return };
    let Ok(helm) = Helm::v4() else { return };
    for (overlay, components, values) in [
        ("dry-run", &["cert-manager"][..], &[CERT_MANAGER][..]),
        ("dry-run", &["network-policy"], &[NETWORK_POLICY]),
        ("dry-run", &["monitoring"], &[MONITORING]),
        (
            "harden",
            &["cert-manager", "network-policy", "monitoring"],
            &[HARDEN, CERT_MANAGER, NETWORK_POLICY, MONITORING],
        ),
    ] {
        let folder = Folder::new("kustomize");
        folder.write("kustomization.yaml", kustomization(folder.path(), overlay, components));
        compare(&kustomize(&program, folder.path()), &helm, values);
    }
}

/// A user's kustomization next to a copy of ours, because kustomize takes no absolute paths.
fn kustomization(folder: &Path, overlay: &str, components: &[&str]) -> String {
    let up = "../".repeat(folder.components().count() - 1);
    let ours = project("deploy/kustomize");
    let ours = format!("{up}{}", ours.strip_prefix("/").unwrap().display());
    let mut text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{ours}/overlays/{overlay}]\n\
         components:\n"
    );
    for component in components {
        text += &format!("- {ours}/components/{component}\n");
    }
    text
}

pub(crate) fn kustomize(program: &Path, folder: &Path) -> Vec<Value> {
    let output = Command::new(program).arg("build").arg(folder).output().unwrap();
    objects(&content(&output))
}

#[track_caller]
fn compare(built: &[Value], helm: &Helm, values: &[&str]) {
    let set = values.join(",");
    let rendered = objects(&helm.template_text(&["--no-hooks", "--set", &set]));
    let mut built: Vec<Value> =
        built.iter().filter(|object| object["kind"] != "Namespace").cloned().collect();
    let mut rendered: Vec<Value> = rendered.into_iter().map(without_helm).collect();
    for objects in [&mut built, &mut rendered] {
        objects.iter_mut().for_each(sort_volumes);
        objects.sort_by_key(identity);
    }
    let identities = |objects: &[Value]| objects.iter().map(identity).collect::<Vec<_>>();
    assert_eq!(identities(&built), identities(&rendered), "{set}");
    for (built, rendered) in built.iter().zip(&rendered) {
        assert_eq!(parsed(built), parsed(rendered), "{set}");
    }
}

fn identity(object: &Value) -> String {
    format!("{} {}", object["kind"], object["metadata"]["name"])
}

/// The position of a volume in its list does not matter.
fn sort_volumes(object: &mut Value) {
    let Some(pod) = object.pointer_mut("/spec/template/spec") else { return };
    for list in ["/volumes", "/containers/0/volumeMounts"] {
        if let Some(list) = pod.pointer_mut(list).and_then(Value::as_array_mut) {
            list.sort_by_key(ToString::to_string);
        }
    }
}

/// Kustomize's files are for users without Helm.
fn without_helm(mut object: Value) -> Value {
    let labels = object["metadata"]["labels"].as_object_mut().unwrap();
    labels.remove("helm.sh/chart").unwrap();
    labels.remove("app.kubernetes.io/managed-by").unwrap();
    object
}

/// With a parsed configuration instead of its text.
fn parsed(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(config) = object.pointer_mut("/data/config.yaml") {
        *config = serde_saphyr::from_str(config.as_str().unwrap()).unwrap();
    }
    object
}
