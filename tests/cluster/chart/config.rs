//! The program accepts the configuration that the chart renders.

use std::process::Command;

use serde_json::{Value, json};

use super::helm::{Helm, NAME, content, find};
use super::rendering::SHAPES;
use crate::support::process::Folder;

/// The text in the ConfigMap.
fn config(objects: &[Value], name: &str) -> String {
    find(objects, "ConfigMap", name)["data"]["config.yaml"].as_str().unwrap().to_owned()
}

#[test]
fn the_program_reads_it() {
    let Ok(helm) = Helm::v4() else { return };
    let folder = Folder::new("chart-config");
    let pod = folder.write(
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: []}}",
    );
    for values in SHAPES {
        let name = if values.contains("fullnameOverride=pss") { "pss" } else { NAME };
        let file = folder.write("config.yaml", config(&helm.template(&[values]), name));
        let mut check = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        check.arg("check").arg("--config").arg(file).arg(&pod);
        content(&check.output().unwrap());
    }
}

#[test]
fn it_is_the_built_in_one_in_dry_run() {
    let Ok(helm) = Helm::v4() else { return };
    let config: Value = serde_saphyr::from_str(&config(&helm.template(&[]), NAME)).unwrap();
    assert_eq!(
        config,
        json!({
            "apiVersion": "portcullis.dev/v1alpha1",
            "kind": "Configuration",
            "mode": "dry-run",
            "defaults": {
                "enforce": "baseline", "enforce-version": "latest",
                "audit": "restricted", "audit-version": "latest",
                "warn": "restricted", "warn-version": "latest",
            },
            "exemptions": {"usernames": [], "namespaces": [], "runtimeClasses": []},
            "harden": {
                "mode": "auto",
                "runAsNonRoot": true,
                "seccompProfile": "RuntimeDefault",
                "dropCapabilities": true,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": false,
                "emptyDirs": [],
                "automountServiceAccountToken": true,
                "appArmorProfile": "Unset",
                "hostUsers": true,
                "resources": {"requests": {}, "limits": {}},
            },
        })
    );
}
