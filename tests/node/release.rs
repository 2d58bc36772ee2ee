//! The release: installed, tested and uninstalled by helm, which waits for each.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    image,
    rights::{assert_read_only, assert_restricted, status},
    setup::{APP, NodeSetup, are_ready},
    support::{
        control_plane::namespace,
        helm::RELEASE,
        objects::{pod, pods},
        skip::say,
        wait::{PATIENCE, until},
    },
};

/// The selector of our server's pods.
pub(crate) const SERVER: &str = "app.kubernetes.io/component=webhook";

/// The values of the release.
pub(crate) fn values() -> Value {
    json!({"mode": "enforce", "image": image::values()})
}

/// The built-in admission enforces the level of the release's namespace, as the chart's notes advise.
pub(crate) async fn is_installed_and_runs_restricted(setup: &NodeSetup) {
    let restricted = namespace(RELEASE, &[("pod-security.kubernetes.io/enforce", "restricted")]);
    setup.admin.create("/api/v1/namespaces", &restricted).await.granted();

    let start = Instant::now();
    setup.helm.install(&values(), &["--wait", "--timeout=120s"]);
    say(&format!("helm install --wait: {:?}", start.elapsed()));

    let ready = |pods: &[Value]| are_ready(pods, 2);
    for pod in setup.pods("our two pods", RELEASE, SERVER, ready).await {
        assert_restricted(&setup.node, &pod);
        assert_read_only(&setup.node, &pod);
        say(&format!("memory of one of our pods: {}", status(&setup.node, &pod)["VmRSS"].trim()));
        assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "{:#}", pod["status"]);
    }
}

pub(crate) fn is_tested(setup: &NodeSetup) {
    let text = setup.helm.run(&["test", RELEASE]);
    assert!(text.contains("Succeeded"), "{text}");
}

/// Helm prints the program's errors, and nothing of the release changes.
pub(crate) async fn refuses_a_bad_configuration(setup: &NodeSetup) {
    let config = format!("/api/v1/namespaces/{RELEASE}/configmaps/{RELEASE}");
    let before = setup.admin.get(&config).await.granted();
    // The schema of the chart accepts these values.
    let bad = "config.rules.hostPorts.mode=enforce,config.rules.hostPorts.allowed={9000-8000}";
    let flags = ["--reset-then-reuse-values", "--set", bad];
    let output =
        tokio::task::block_in_place(|| setup.helm.try_release("upgrade", &values(), &flags));
    let text = [output.stdout, output.stderr].concat();
    // Helm 4 escapes the quotes.
    let text = String::from_utf8_lossy(&text).replace('\\', "");
    assert!(!output.status.success(), "{text}");
    let problem = "rules.hostPorts.allowed[0]: \"9000-8000\": must begin with the lower number";
    assert!(text.contains("/etc/portcullis/config.yaml:") && text.contains(problem), "{text}");
    assert_eq!(setup.admin.get(&config).await.granted(), before);
}

pub(crate) async fn is_uninstalled_and_pods_start(setup: &NodeSetup) {
    let strict = setup.strict("afterwards", &[]).await;
    let privileged = json!({"name": "app", "image": APP, "securityContext": {"privileged": true}});
    let privileged = pod("privileged", &json!({"containers": [privileged]}));
    assert_eq!(setup.admin.create(&pods(&strict), &privileged).await.code, 403);

    let start = Instant::now();
    setup.helm.run(&["uninstall", RELEASE, "--wait", "--timeout=180s"]);
    say(&format!("helm uninstall --wait: {:?}", start.elapsed()));

    for kind in ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"] {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{kind}");
        assert_eq!(setup.admin.get(&path).await.granted()["items"], json!([]));
    }
    setup.admin.create(&pods(&strict), &privileged).await.granted();
    until("a pod to run without us", PATIENCE, async || {
        let path = format!("{}/privileged", pods(&strict));
        let pod = setup.admin.get(&path).await.granted();
        (pod["status"]["phase"] == "Running").then_some(())
    })
    .await;
}
