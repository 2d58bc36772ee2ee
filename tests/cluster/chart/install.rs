//! `helm install`, `upgrade`, `test` and `uninstall` on a real API server, with both versions of Helm.

use std::process::Output;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cluster::{Installation, shared};
use super::helm::{CHART, Helm, NO_CHECK, content, text};
use crate::support::{
    control_plane::ControlPlane,
    skip::Skip,
    user::User,
    wait::{PATIENCE, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn helm_3_installs_upgrades_tests_and_uninstalls() {
    let _skip = lifecycle(Helm::v3(), "portcullis-three").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_4_installs_upgrades_tests_and_uninstalls() {
    let _skip = lifecycle(Helm::v4(), "portcullis-four").await;
}

/// Helm 4 takes over a release of Helm 3, and then changes the owner of `caBundle`.
#[tokio::test(flavor = "multi_thread")]
async fn helm_4_takes_over_from_helm_3() {
    let (Ok(three), Ok(four)) = (Helm::v3(), Helm::v4()) else { return };
    let Ok(cluster) = on_its_own_thread(shared).await else { return };
    let it = Installation::new(cluster, "portcullis-taken").await;
    let mut release = Release { helm: three, it };
    release.helm("install", &[]).await;
    release.it.serve().await;
    release.helm = four;
    assert_eq!(release.upgraded(&["mode=enforce"]).await[0]["failurePolicy"], "Fail");
    let webhooks = release.upgraded(&["webhooks.advisory.enabled=false"]).await;
    assert!(webhooks[1].get("rules").is_none(), "{}", webhooks[1]);

    content(&release.give_bundle(&[]).await);
    release.expect_given().await;
}

/// Helm 4 refuses to take a field over from another manager of server-side apply.
#[tokio::test(flavor = "multi_thread")]
async fn helm_4_takes_ca_bundle_over_with_force() {
    let Ok(helm) = Helm::v4() else { return };
    let Ok(cluster) = on_its_own_thread(shared).await else { return };
    let release = Release { helm, it: Installation::new(cluster, "portcullis-given").await };
    release.helm("install", &[]).await;
    release.it.serve().await;
    let refused = release.give_bundle(&[]).await;
    assert!(text(&refused.stderr).contains("conflict with \"portcullis\""), "{refused:?}");
    release.it.expect_served().await;
    content(&release.give_bundle(&["--force-conflicts"]).await);
    release.expect_given().await;
}

async fn lifecycle(helm: Result<Helm, Skip>, name: &str) -> Result<(), Skip> {
    let helm = helm?;
    let cluster = on_its_own_thread(shared).await?;
    let release = Release { helm, it: Installation::new(cluster, name).await };

    release.helm("install", &[]).await;
    release.it.expect_pods(2).await;
    release.it.serve().await;

    let webhooks = release.upgraded(&["mode=enforce"]).await;
    assert_eq!(webhooks[0]["failurePolicy"], "Fail");

    // Like a GitOps tool, repeatedly.
    let before = release.it.versions().await;
    release.upgraded(&["mode=enforce"]).await;
    assert_eq!(
        release.it.versions().await,
        before,
        "an upgrade that changes nothing wrote something"
    );

    let off = ["webhooks.advisory.enabled=false", "webhooks.mutating.enabled=false"];
    let webhooks = release.upgraded(&off).await;
    assert_eq!(webhooks[0]["failurePolicy"], "Ignore");
    for (webhook, has_rules) in webhooks.iter().zip([true, false, true, false]) {
        assert_eq!(webhook.get("rules").is_some(), has_rules, "{webhook}");
    }
    for webhook in release.upgraded(&[]).await {
        assert!(webhook.get("rules").is_some(), "{webhook}");
    }

    release.tested(cluster).await;
    release.uninstalled(cluster).await;
    Ok(())
}

/// The control plane starts on its own runtime, which cannot be nested.
pub(crate) async fn on_its_own_thread<T: Send + 'static>(start: fn() -> T) -> T {
    tokio::task::spawn_blocking(start).await.unwrap()
}

struct Release {
    helm: Helm,
    it: Installation,
}

impl Release {
    /// Runs Helm, which waits for hooks, concurrently with the test.
    #[track_caller]
    fn helm(&self, verb: &str, values: &[&str]) -> impl Future<Output = String> {
        let mut args = Vec::new();
        for value in values {
            args.extend(["--set", value]);
        }
        let output = self.try_helm(verb, &args);
        async { content(&output.await) }
    }

    fn try_helm(&self, verb: &str, further: &[&str]) -> impl Future<Output = Output> + use<> {
        // Nothing serves these webhooks, so they only apply to namespaces of this release's users.
        let label = format!("webhooks.namespaceSelector.matchLabels.tests={}", self.it.name);
        let kubeconfig = self.it.kubeconfig.to_str().unwrap();
        let mut args = vec![verb, &self.it.name];
        if matches!(verb, "install" | "upgrade") {
            args.extend([CHART, "--set", &label, "--set", NO_CHECK]);
        }
        args.extend(further);
        args.extend(["--namespace", &self.it.name, "--kubeconfig", kubeconfig]);
        let mut command = self.helm.command(&args);
        async { tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap() }
    }

    /// An upgrade that sets the caBundle in the chart's values.
    async fn give_bundle(&self, flags: &[&str]) -> Output {
        let given = format!(
            "certs.mode=existingSecret,certs.existingSecret.name=ours,certs.existingSecret.caBundle={}",
            another_authority()
        );
        self.try_helm("upgrade", &[&["--set", &given], flags].concat()).await
    }

    async fn expect_given(&self) {
        for webhook in self.it.all_webhooks().await {
            assert_eq!(webhook["clientConfig"]["caBundle"], STANDARD.encode(another_authority()));
        }
    }

    /// The webhooks after an upgrade that kept the server's changes.
    async fn upgraded(&self, values: &[&str]) -> Vec<Value> {
        self.helm("upgrade", values).await;
        self.it.expect_served().await
    }

    /// `helm test` runs the healthcheck, and deletes its pod.
    async fn tested(&self, cluster: &ControlPlane) {
        let name = format!("{}-healthcheck", self.it.name);
        let (output, ()) =
            tokio::join!(self.helm("test", &[]), succeed(cluster, &self.it.name, "healthcheck"));
        assert!(output.contains("Succeeded"), "{output}");
        self.expect_gone(&name).await;
    }

    /// `helm uninstall` runs the cleanup with sufficient permissions, and then deletes everything.
    async fn uninstalled(&self, cluster: &ControlPlane) {
        let name = format!("{}-cleanup", self.it.name);
        let meanwhile = async {
            let admin = self.it.admin.clone();
            until("the cleanup to be allowed", PATIENCE, async || {
                may_delete(&admin, &self.it).await.then_some(())
            })
            .await;
            for path in self.it.webhooks() {
                self.it.admin.get(&path).await.granted();
                // Replaces the program, which is not tested here.
                self.it.admin.delete(&path).await.granted();
            }
            succeed(cluster, &self.it.name, "cleanup").await;
        };
        tokio::join!(self.helm("uninstall", &[]), meanwhile);
        self.expect_gone(&name).await;
        self.expect_gone(&self.it.name).await;
    }

    /// No account, role or other object of the release is left.
    async fn expect_gone(&self, name: &str) {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        let namespace = &self.it.name;
        for path in [
            format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}"),
            format!("{rbac}/clusterroles/{name}"),
            format!("{rbac}/clusterrolebindings/{name}"),
            format!("{rbac}/namespaces/{namespace}/roles/{name}"),
            format!("{rbac}/namespaces/{namespace}/rolebindings/{name}"),
            format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
            format!("/apis/batch/v1/namespaces/{namespace}/jobs/{name}"),
            format!("/api/v1/namespaces/{namespace}/secrets/{name}-ca"),
            format!("/api/v1/namespaces/{namespace}/services/{name}"),
        ] {
            until(&format!("{path} to be gone"), PATIENCE, async || {
                (self.it.admin.get(&path).await.code == 404).then_some(())
            })
            .await;
        }
    }
}

fn another_authority() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        rcgen::generate_simple_self_signed(["another".to_owned()]).unwrap().cert.pem()
    })
}

/// Ends the pod of a hook as a kubelet does after exit status 0.
async fn succeed(cluster: &ControlPlane, namespace: &str, component: &str) {
    let admin = cluster.user(crate::support::control_plane::Who::Admin).await;
    let pods = format!(
        "/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io/component%3D{component}"
    );
    let name = until(&format!("the {component} pod"), PATIENCE, async || {
        let pods = admin.get(&pods).await.granted();
        pods["items"][0]["metadata"]["name"].as_str().map(str::to_owned)
    })
    .await;
    let status = json!({"status": {"phase": "Succeeded"}});
    admin
        .merge(&format!("/api/v1/namespaces/{namespace}/pods/{name}/status"), &status)
        .await
        .granted();
}

/// Whether the hook's account may delete both configurations, and no others.
async fn may_delete(admin: &User, it: &Installation) -> bool {
    let may = async |resource: &str, name: &str| {
        let user = format!("system:serviceaccount:{0}:{0}-cleanup", it.name);
        let group = "admissionregistration.k8s.io";
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": {
                "group": group, "resource": resource, "name": name, "verb": "delete",
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        admin.create(path, &review).await.granted()["status"]["allowed"] == true
    };
    assert!(!may("validatingwebhookconfigurations", "another").await);
    may("validatingwebhookconfigurations", &it.name).await
        && may("mutatingwebhookconfigurations", &format!("zz-{}", it.name)).await
}
