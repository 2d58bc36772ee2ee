//! An audit in the other report formats.

use crate::{
    audit::{program::audit, shop::shop},
    support::control_plane::{ControlPlane, Who},
};

#[tokio::test]
async fn every_format_agrees_with_json() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let name = shop(plane, "forms").await;
    let kubeconfig = plane.kubeconfig(Who::Admin);
    let say = |form: &str| {
        let outcome = audit(&kubeconfig, &["-n", &name, "-o", form]);
        assert_eq!(outcome.status, Some(0), "{form}: {outcome:?}");
        outcome.out
    };
    let command = format!(
        "kubectl label --overwrite namespace {name} pod-security.kubernetes.io/enforce=restricted"
    );

    let concise = say("concise");
    let line = format!(
        "{name}: would enforce baseline:latest, the built-in admission enforces baseline:latest now, meets baseline, restricted once hardened"
    );
    assert!(concise.contains(&line) && concise.contains(&command), "{concise}");

    let html = say("html");
    assert!(html.contains("<h2>Namespaces</h2>") && html.contains(&command), "{html}");
    assert!(html.contains("allowPrivilegeEscalation (2)"), "{html}");
    assert_eq!(html.matches("<details class=\"workload\"").count(), 3, "{html}");
    if let Some(folder) = std::env::var_os("PORTCULLIS_SCREENSHOTS") {
        std::fs::write(std::path::Path::new(&folder).join("audit.html"), &html).unwrap();
    }

    let junit = say("junit");
    assert!(junit.contains(&format!("<testsuite name=\"cluster/{name}\" tests=\"3\"")), "{junit}");
    let sarif: serde_json::Value = serde_json::from_str(&say("sarif")).unwrap();
    assert_eq!(
        sarif["runs"][0]["results"],
        serde_json::json!([]),
        "nothing breaks what is enforced"
    );
    assert_eq!(say("github"), "");
}
