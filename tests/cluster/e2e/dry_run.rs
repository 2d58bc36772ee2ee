//! Dry run of the whole server: nothing is denied or changed, but everything is reported.

use serde_json::json;

use crate::{
    e2e::{RESTRICTED, audit_log::pod_event, hardening::was_patched, standard_with},
    support::{
        control_plane::{ControlPlane, Who},
        objects::{plain, pods, privileged},
        portcullis::Portcullis,
        webhooks::ENFORCE,
    },
};

const MODE: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
mode: dry-run
";

const ENFORCING: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
mode: enforce
";

#[tokio::test]
async fn the_configuration_switches_it_on() {
    let Ok((plane, server)) = standard_with(MODE, &[]).await else {
        return;
    };
    admits_and_reports(plane, &server).await;
}

#[tokio::test]
async fn the_flag_switches_it_on_over_the_configuration() {
    let Ok((plane, server)) = standard_with(ENFORCING, &["--dry-run"]).await else {
        return;
    };
    admits_and_reports(plane, &server).await;
}

async fn admits_and_reports(plane: &ControlPlane, server: &Portcullis) {
    let namespace = server.namespace(plane, "dry", RESTRICTED).await;
    let developer = plane.user(Who::Developer).await;

    let bad = developer.create(&pods(&namespace), &privileged("bad")).await;
    let unset = developer.create(&pods(&namespace), &plain("plain")).await;
    let wrong = [("pod-security.kubernetes.io/enforce", "strict")];
    let (_, invalid) = server.try_namespace(plane, "dry-invalid", &wrong).await;

    let line = r#"PodSecurity "restricted:latest""#;
    assert!(bad.warnings.iter().any(|warning| warning.contains(line)), "{:?}", bad.warnings);
    bad.granted();
    assert!(
        unset.warnings.iter().any(|line| line.contains("runAsNonRoot")),
        "{:?}",
        unset.warnings
    );
    assert_eq!(unset.granted()["spec"]["securityContext"], json!({}));
    assert!(!was_patched(plane, &namespace, "plain").await);
    assert!(!invalid.warnings.is_empty());
    invalid.granted();
    let event = pod_event(plane, &namespace, "bad").await;
    assert_eq!(event["annotations"][format!("{ENFORCE}/enforce-policy")], "restricted:latest");

    let (code, metrics) = server.page("/metrics").await.unwrap();
    assert_eq!(code, 200);
    let denied = metrics.lines().find(|line| {
        line.starts_with("pod_security_evaluations_total{")
            && line.contains(r#"decision="deny""#)
            && line.contains(r#"mode="enforce""#)
            && line.contains(r#"policy_level="restricted""#)
    });
    assert!(denied.is_some(), "what would have been denied is counted:\n{metrics}");
}
