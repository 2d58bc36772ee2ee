//! The whole path: users and controllers, a real API server, and our server.

mod attacks;
mod audit_log;
mod cases;
mod conditions;
mod controllers;
mod custom;
mod dry_run;
mod exemptions;
mod fixtures;
mod hardening;
mod hardening_shapes;
mod kubectl;
mod mirror_pods;
mod namespaces;
mod pods;
mod race;
mod reinvocation;
mod restart;
mod sidecar;
mod subresources;
mod verdicts;

use crate::support::{
    control_plane::ControlPlane, portcullis::Portcullis, skip::Skip, user::Answer,
    webhooks::ENFORCE,
};
use tokio::sync::OnceCell;

/// Labels of a namespace.
type Labels = &'static [(&'static str, &'static str)];

const RESTRICTED: Labels = &[("pod-security.kubernetes.io/enforce", "restricted")];
const BASELINE: Labels = &[("pod-security.kubernetes.io/enforce", "baseline")];
/// Enforces baseline and warns about restricted, as most clusters do.
const BASELINE_WARN_RESTRICTED: Labels = &[
    ("pod-security.kubernetes.io/enforce", "baseline"),
    ("pod-security.kubernetes.io/warn", "restricted"),
    ("pod-security.kubernetes.io/audit", "restricted"),
];
const PRIVILEGED: Labels = &[
    ("pod-security.kubernetes.io/enforce", "privileged"),
    ("pod-security.kubernetes.io/warn", "privileged"),
    ("pod-security.kubernetes.io/audit", "privileged"),
];

/// The control plane and a shared server with the embedded configuration.
async fn standard() -> Result<(&'static ControlPlane, &'static Portcullis), Skip> {
    static SERVER: OnceCell<Portcullis> = OnceCell::const_new();
    let plane = ControlPlane::shared()?;
    let server = SERVER.get_or_init(|| Portcullis::start(plane, None, &[])).await;
    Ok((plane, server))
}

/// The control plane and a separate server.
async fn standard_with(
    configuration: &str,
    flags: &[&str],
) -> Result<(&'static ControlPlane, Portcullis), Skip> {
    let plane = ControlPlane::shared()?;
    Ok((plane, Portcullis::start(plane, Some(configuration), flags).await))
}

/// Asserts that our webhook denied this pod under this policy, and returns the controls and fields in the denial.
#[track_caller]
fn assert_denied(answer: &Answer, pod: &str, policy: &str) -> Vec<(String, String)> {
    assert_eq!((answer.code, answer.reason()), (403, "Forbidden"), "{:#}", answer.body);
    let start = format!(
        r#"admission webhook "{ENFORCE}" denied the request: pods "{pod}" is forbidden: violates PodSecurity "{policy}":"#
    );
    assert!(answer.message().starts_with(&start), "{}", answer.message());
    let causes = answer.body["details"]["causes"].as_array().expect("causes");
    let text =
        |cause: &serde_json::Value, key: &str| cause[key].as_str().unwrap_or_default().to_owned();
    causes.iter().map(|cause| (text(cause, "reason"), text(cause, "field"))).collect()
}

/// The distinct controls.
fn controls(causes: &[(String, String)]) -> Vec<&str> {
    let mut controls: Vec<&str> = causes.iter().map(|(control, _)| control.as_str()).collect();
    controls.dedup();
    controls
}
