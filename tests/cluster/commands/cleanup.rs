//! `portcullis cleanup` never leaves a cluster blocked.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{
    account::{Rights, account},
    control_plane::{BuiltInPodSecurity, ControlPlane, Who, unique_name},
    process::Folder,
    user::User,
    wait::{PATIENCE, until},
    webhooks::rule,
};

const CONFIGURATIONS: &str = "/apis/admissionregistration.k8s.io/v1";
const VALIDATING: &str = "validatingwebhookconfigurations";
const MUTATING: &str = "mutatingwebhookconfigurations";

fn command(kubeconfig: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("cleanup").arg("--kubeconfig").arg(kubeconfig).args(args);
    command
}

fn cleanup(kubeconfig: &Path, args: &[&str]) -> Output {
    command(kubeconfig, args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The objects of an uninstalled server: webhooks for the pods of this namespace, and its lease.
async fn leave_behind(admin: &User, name: &str, namespace: &str) {
    let webhook = json!({
        "name": "enforce.portcullis.dev",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "failurePolicy": "Fail",
        "rules": [rule("", &["pods"], &["CREATE"])],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "timeoutSeconds": 1,
        "admissionReviewVersions": ["v1"],
    });
    for kind in [VALIDATING, MUTATING] {
        let object = json!({"metadata": {"name": name}, "webhooks": [webhook]});
        admin.create(&format!("{CONFIGURATIONS}/{kind}"), &object).await.granted();
    }
    let lease = json!({"metadata": {"name": name}, "spec": {}});
    admin.create(&lease_path(namespace), &lease).await.granted();
}

fn lease_path(namespace: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
}

/// The permissions of the hook's account.
fn rights(name: &str, namespace: &str, verbs: &[&str]) -> [Rights; 2] {
    let of = |group: &str, resources: &[&str]| json!([{"apiGroups": [group], "resources": resources, "resourceNames": [name], "verbs": verbs}]);
    [
        Rights::Everywhere(of("admissionregistration.k8s.io", &[VALIDATING, MUTATING])),
        Rights::In(namespace.to_owned(), of("coordination.k8s.io", &["leases"])),
    ]
}

fn pod() -> Value {
    json!({
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    })
}

#[tokio::test]
async fn a_locked_cluster_is_open_again_and_a_second_run_finds_nothing() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("cleanup");
    let admin = plane.user(Who::Admin).await;
    let namespace = plane.namespace("cleanup", &[]).await;
    let name = unique_name("left-behind");
    leave_behind(&admin, &name, &namespace).await;
    let pods = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let locked = async || (admin.create(&pods, &pod()).await.code == 500).then_some(());
    until("the namespace to be locked", PATIENCE, locked).await;
    let kubeconfig = account(plane, &folder, &rights(&name, &namespace, &["get", "delete"])).await;
    let args = [
        "--validating-webhook",
        &name,
        "--mutating-webhook",
        &name,
        "--lease",
        &name,
        "--namespace",
        &namespace,
    ];

    let first = cleanup(&kubeconfig, &args);
    let second = cleanup(&kubeconfig, &args);

    for (output, became) in [(first, "deleted"), (second, "not found")] {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(text(&output.stderr), "");
        let mut lines: Vec<&str> = text(&output.stdout).lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                format!("lease {namespace}/{name}: {became}"),
                format!("mutatingwebhookconfiguration {name}: {became}"),
                format!("validatingwebhookconfiguration {name}: {became}"),
            ]
        );
    }
    let open = async || (admin.create(&pods, &pod()).await.code == 201).then_some(());
    until("the namespace to be open", PATIENCE, open).await;
}

#[tokio::test]
async fn a_failed_deletion_does_not_prevent_others() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let folder = Folder::new("cleanup");
    let admin = plane.user(Who::Admin).await;
    let name = unique_name("half-allowed");
    leave_behind(&admin, &name, "default").await;
    let [_, lease] = rights(&name, "default", &["get", "delete"]);
    let configurations = json!([
        {"apiGroups": ["admissionregistration.k8s.io"], "resources": [VALIDATING], "verbs": ["get"]},
        {"apiGroups": ["admissionregistration.k8s.io"], "resources": [MUTATING], "verbs": ["get", "delete"]},
    ]);
    let kubeconfig = account(plane, &folder, &[Rights::Everywhere(configurations), lease]).await;

    let output = cleanup(
        &kubeconfig,
        &["--validating-webhook", &name, "--mutating-webhook", &name, "--lease", &name]
            .into_iter()
            .chain(["--namespace", "default"])
            .collect::<Vec<_>>(),
    );

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let stderr = text(&output.stderr);
    let start = format!("portcullis: validatingwebhookconfiguration {name}: ");
    assert!(stderr.starts_with(&start) && stderr.contains("is forbidden"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(text(&output.stdout).lines().count(), 2);
    for (path, code) in [
        (format!("{CONFIGURATIONS}/{VALIDATING}/{name}"), 200),
        (format!("{CONFIGURATIONS}/{MUTATING}/{name}"), 404),
        (format!("{}/{name}", lease_path("default")), 404),
    ] {
        assert_eq!(admin.get(&path).await.code, code, "{path}");
    }
    admin.delete(&format!("{CONFIGURATIONS}/{VALIDATING}/{name}")).await.granted();
}

#[tokio::test]
async fn what_a_finalizer_holds_is_not_gone() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    let name = unique_name("held");
    let object = json!({"metadata": {"name": name, "finalizers": ["example.org/held"]}});
    let all = format!("{CONFIGURATIONS}/{VALIDATING}");
    admin.create(&all, &object).await.granted();

    let args = ["--validating-webhook", &name, "--timeout", "2"];
    let output = cleanup(&plane.kubeconfig(Who::Admin), &args);

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(
        text(&output.stderr),
        format!(
            "portcullis: validatingwebhookconfiguration {name}: deleted, but still held by its finalizers after the \
             timeout: example.org/held\n"
        )
    );
    let one = format!("{all}/{name}");
    admin.merge(&one, &json!({"metadata": {"finalizers": null}})).await.granted();
    assert_eq!(admin.get(&one).await.code, 404);
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    leave_behind(&admin, "left", "default").await;
    let kubeconfig = plane.kubeconfig(Who::Admin);
    plane.stop_apiserver();
    let args = ["--validating-webhook", "left", "--mutating-webhook", "left"];

    let too_short = cleanup(&kubeconfig, &["--validating-webhook", "left", "--timeout", "1"]);
    let mut waiting = command(&kubeconfig, &args);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    plane.start_apiserver().await;
    let waited = waiting.wait_with_output().unwrap();

    assert_eq!(too_short.status.code(), Some(2), "{too_short:?}");
    let stderr = text(&too_short.stderr);
    assert!(stderr.contains("did not answer within the timeout: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(waited.status.code(), Some(0), "{waited:?}");
    for kind in [VALIDATING, MUTATING] {
        assert_eq!(admin.get(&format!("{CONFIGURATIONS}/{kind}/left")).await.code, 404);
    }
}

#[test]
fn arguments_that_name_nothing_or_no_object_are_refused() {
    let none = Path::new("/nonexistent/kubeconfig");
    for (args, expected) in [
        (&[][..], "the following required arguments were not provided"),
        (&["--lease", "a"], "--namespace <NAMESPACE>"),
        (&["--validating-webhook", "a/b"], "must be a name: at most 253"),
        (&["--lease", "a", "--namespace", "a.b"], "must be a namespace's name"),
        (&["--mutating-webhook", "a"], "kubeconfig /nonexistent/kubeconfig: "),
    ] {
        let output = cleanup(none, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with("portcullis: ") && stderr.contains(expected), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}
