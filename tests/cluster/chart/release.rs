//! The metadata in Chart.yaml.

use std::fs;

use serde_json::Value;

use super::helm::{CHART, Helm, project};

#[test]
fn the_chart_has_the_program_s_version() {
    let text = fs::read_to_string(project(CHART).join("Chart.yaml")).unwrap();
    let chart: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn both_helms_find_nothing_wrong_with_it() {
    let Ok(helms) = Helm::both() else { return };
    for helm in &helms {
        let output = helm.run(&["lint", "--strict", "--namespace", "portcullis", CHART]);
        assert!(output.contains("0 chart(s) failed"), "{output}");
    }
}

#[test]
fn an_old_cluster_is_refused() {
    let Ok(helms) = Helm::both() else { return };
    for helm in &helms {
        let refusal = helm.refusal("portcullis", &["--kube-version", "1.29.9"]);
        assert!(refusal.contains("1.30"), "{refusal}");
        helm.template_text(&["--kube-version", "v1.30.1-gke.7"]);
    }
}
