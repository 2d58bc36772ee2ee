//! The control plane, with the chart's definition of exceptions, and our server with rules, profiles, a floor and
//! exceptions.

use std::{
    fs,
    path::Path,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    support::objects::{await_verdict, plain},
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Who, namespace},
        go::require_go,
        portcullis::Portcullis,
        skip::Skip,
        user::User,
        wait::{PATIENCE, until},
        webhooks::SERVER_LABEL,
    },
};

/// The namespace in which exceptions count.
pub(crate) const OURS: &str = "portcullis-system";
pub(crate) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
pub(crate) const PROFILE: &str = "portcullis.dev/profile";
pub(crate) const HARDEN: &str = "portcullis.dev/harden";

/// The Standard is only enforced, so all warnings are those of rules.
pub(crate) const CONFIGURATION: &str = r#"
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: baseline, audit: privileged, warn: privileged}
exceptions: {namespaces: [portcullis-system]}
floor: {level: baseline, exceptNamespaces: ["open-*"]}
harden: {automountServiceAccountToken: false}
rules:
  imageTag: enforce
  readOnlyRootFilesystem: warn
  runAsUserRange: {mode: audit, ranges: ["1000-65535"]}
profiles:
  pinger:
    level: baseline
    namespaces: ["pingers-*"]
    allow: {capabilities: [NET_RAW]}
  rooted:
    level: restricted
    namespaces: ["rooted-*"]
    allow: {controls: [runAsNonRoot]}
  bounded:
    level: baseline
    require: {resources: {mode: enforce, requests: [cpu], limits: [memory], max: {memory: 2Gi}}}
  tokenless:
    level: restricted
    require: {serviceAccountToken: enforce}
  tokens:
    level: restricted
    namespaces: ["tokens-*"]
    allow: {controls: [rules/serviceAccountToken]}
    require: {serviceAccountToken: enforce}
"#;

/// The control plane, whose controllers have separate accounts, and the server.
pub(crate) async fn world() -> Result<(&'static ControlPlane, &'static Portcullis), Skip> {
    static SERVER: OnceCell<Portcullis> = OnceCell::const_new();
    let plane = plane().await?;
    let server = SERVER.get_or_init(|| Portcullis::start(plane, Some(CONFIGURATION), &[])).await;
    Ok((plane, server))
}

/// Only the control plane.
pub(crate) async fn plane() -> Result<&'static ControlPlane, Skip> {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    static READY: OnceCell<()> = OnceCell::const_new();
    require_go()?;
    let plane = PLANE.get_or_init(|| {
        let mut plane =
            ControlPlane::start(BuiltInPodSecurity::Off).expect("Go was there just now");
        plane.give_controllers_accounts();
        plane
    });
    READY.get_or_init(|| prepare(plane)).await;
    Ok(plane)
}

async fn prepare(plane: &ControlPlane) {
    let admin = plane.user(Who::Admin).await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let name = "tests-exceptions";
    let role = json!({"metadata": {"name": name}, "rules": [
        {"apiGroups": ["portcullis.dev"], "resources": ["policyexceptions"], "verbs": ["list", "watch"]},
        {"apiGroups": ["portcullis.dev"], "resources": ["policyexceptions/status"], "verbs": ["patch"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
    ]});
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "portcullis"}],
    });
    admin.create(&format!("{rbac}/clusterroles"), &role).await.granted();
    admin.create(&format!("{rbac}/clusterrolebindings"), &binding).await.granted();

    let file = "charts/portcullis/files/policyexceptions.yaml";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let definition: Value = serde_saphyr::from_str(&text).unwrap();
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    admin.create(definitions, &definition).await.granted();
    admin.create("/api/v1/namespaces", &namespace(OURS, &[])).await.granted();
    until("the definition", PATIENCE, async || {
        (admin.get(&exceptions(OURS)).await.code == 200).then_some(())
    })
    .await;
}

/// The path of the exceptions in a namespace.
pub(crate) fn exceptions(namespace: &str) -> String {
    format!("/apis/portcullis.dev/v1alpha1/namespaces/{namespace}/policyexceptions")
}

/// An exception with this match and allowance, for another month.
pub(crate) fn exception(name: &str, matches: &Value, allow: &Value) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "PolicyException",
        "metadata": {"name": name},
        "spec": {
            "match": matches,
            "allow": allow,
            "reason": "until it is replaced",
            "owner": "team-net",
            "expires": in_days(30),
        },
    })
}

/// The time in this number of days, in the format of exceptions.
pub(crate) fn in_days(days: u64) -> String {
    let time = SystemTime::now() + Duration::from_secs(days * 24 * 3600);
    jiff::Timestamp::try_from(time).unwrap().to_string()
}

/// Registers the server for a namespace that existed before.
pub(crate) async fn hand_over(admin: &User, server: &Portcullis, namespace: &str) {
    let labels = server.with_own_label(&[]);
    let value = labels.iter().find(|(key, _)| *key == SERVER_LABEL).unwrap().1;
    let patch = json!({"metadata": {"labels": {SERVER_LABEL: value}}});
    admin.merge(&format!("/api/v1/namespaces/{namespace}"), &patch).await.granted();
    // The API server learns of it from a watch. This pod is denied once the server is called.
    let mut untagged = plain("probe");
    untagged["spec"]["containers"][0]["image"] = json!("registry.example/app");
    await_verdict(admin, namespace, &untagged, 403).await;
}
