//! A separate control plane for these tests, because their webhooks, which nothing serves, would block others.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{
    control_plane::{BuiltInPodSecurity, ControlPlane, Who},
    go::require_go,
    process::Folder,
    skip::Skip,
    user::User,
    wait::{PATIENCE, until},
};

/// With the built-in Pod Security, which the chart's own pods must pass.
pub(crate) fn shared() -> Result<&'static ControlPlane, Skip> {
    static SHARED: OnceLock<ControlPlane> = OnceLock::new();
    require_go()?;
    Ok(SHARED.get_or_init(|| {
        ControlPlane::start(BuiltInPodSecurity::On).expect("Go was there just now")
    }))
}

/// An installation of the chart: the paths of its objects, and its server's account.
pub(crate) struct Installation {
    pub(crate) admin: User,
    pub(crate) kubeconfig: PathBuf,
    /// The name of the release, its namespace and its objects.
    pub(crate) name: String,
    folder: Folder,
}

impl Installation {
    /// Creates only the namespace, guarded by the built-in admission.
    pub(crate) async fn new(cluster: &ControlPlane, name: &str) -> Self {
        let admin = cluster.user(Who::Admin).await;
        let labels = [("pod-security.kubernetes.io/enforce", "restricted")];
        let namespace = crate::support::control_plane::namespace(name, &labels);
        admin.create("/api/v1/namespaces", &namespace).await.granted();
        crate::support::control_plane::wait_for_service_account(&admin, name).await;
        Self::existing(cluster, name).await
    }

    /// In an existing namespace.
    pub(crate) async fn existing(cluster: &ControlPlane, name: &str) -> Self {
        Self {
            admin: cluster.user(Who::Admin).await,
            kubeconfig: cluster.kubeconfig(Who::Admin),
            name: name.to_owned(),
            folder: Folder::new("installation"),
        }
    }

    /// The paths of the validating and the mutating configuration.
    pub(crate) fn webhooks(&self) -> [String; 2] {
        let group = "/apis/admissionregistration.k8s.io/v1";
        [
            format!("{group}/validatingwebhookconfigurations/{}", self.name),
            format!("{group}/mutatingwebhookconfigurations/zz-{}", self.name),
        ]
    }

    pub(crate) fn secret(&self) -> String {
        format!("/api/v1/namespaces/{0}/secrets/{0}-ca", self.name)
    }

    pub(crate) fn deployment(&self) -> String {
        format!("/apis/apps/v1/namespaces/{0}/deployments/{0}", self.name)
    }

    /// The server's account, with a token like its pods.
    pub(crate) async fn server(&self) -> User {
        let account = format!("/api/v1/namespaces/{0}/serviceaccounts/{0}/token", self.name);
        let request =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let token = self.admin.create(&account, &request).await.granted();
        let file = with_token(&self.kubeconfig, &token["status"]["token"]);
        User::new(&self.folder.write("server.kubeconfig", file.to_string())).await
    }

    /// Does what the server does at startup: writes CAs into the Secret, and `caBundle` into each webhook.
    pub(crate) async fn serve(&self) {
        let server = self.server().await;
        let mut secret = server.get(&self.secret()).await.granted();
        secret["data"] = secret_data();
        server.replace(&self.secret(), &secret).await.granted();
        for path in self.webhooks() {
            let configuration = server.get(&path).await.granted();
            server
                .apply(
                    &format!("{path}?fieldManager=portcullis&force=true"),
                    &bundles(&configuration),
                )
                .await
                .granted();
        }
    }

    /// The content that [`serve`](Self::serve) wrote is unchanged.
    #[track_caller]
    pub(crate) fn assert_served(&self, secret: &Value, webhooks: &[Value]) {
        assert_eq!(secret["data"], secret_data(), "{secret:#}");
        assert_eq!(webhooks.len(), 4);
        for webhook in webhooks {
            assert_eq!(webhook["clientConfig"]["caBundle"], bundle(), "{webhook:#}");
        }
    }

    /// The webhooks of both configurations, the validating ones first.
    pub(crate) async fn all_webhooks(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in self.webhooks() {
            let configuration = self.admin.get(&path).await.granted();
            all.extend(configuration["webhooks"].as_array().unwrap().iter().cloned());
        }
        all
    }

    /// Fails unless the Secret and the webhooks contain what the server wrote.
    pub(crate) async fn expect_served(&self) -> Vec<Value> {
        let webhooks = self.all_webhooks().await;
        let secret = self.admin.get(&self.secret()).await.granted();
        self.assert_served(&secret, &webhooks);
        webhooks
    }

    /// Versions that change with every write. Excludes the Deployment's status.
    pub(crate) async fn versions(&self) -> Vec<Value> {
        let get = async |path: &str| self.admin.get(path).await.granted()["metadata"].clone();
        let mut versions = vec![get(&self.deployment()).await["generation"].clone()];
        let named = |kind: &str| format!("/api/v1/namespaces/{0}/{kind}/{0}", self.name);
        let [validating, mutating] = self.webhooks();
        for path in [validating, mutating, self.secret(), named("configmaps"), named("services")] {
            versions.push(get(&path).await["resourceVersion"].clone());
        }
        versions
    }

    /// Waits until the Deployment has created its pods, which the built-in admission admits.
    pub(crate) async fn expect_pods(&self, count: usize) {
        let path = format!(
            "/api/v1/namespaces/{}/pods?labelSelector=app.kubernetes.io/component%3Dwebhook",
            self.name
        );
        until("the server's pods", PATIENCE, async || {
            let pods = self.admin.get(&path).await.granted();
            (pods["items"].as_array().unwrap().len() == count).then_some(())
        })
        .await;
    }
}

/// The configuration for server-side apply: only the field, and the key of its list entry.
pub(crate) fn bundles(configuration: &Value) -> Value {
    let webhooks = configuration["webhooks"].as_array().unwrap().iter();
    json!({
        "apiVersion": configuration["apiVersion"],
        "kind": configuration["kind"],
        "metadata": {"name": configuration["metadata"]["name"]},
        "webhooks": webhooks
            .map(|webhook| json!({"name": webhook["name"], "clientConfig": {"caBundle": bundle()}}))
            .collect::<Vec<_>>(),
    })
}

/// A real certificate, because the API server parses `caBundle`.
fn bundle() -> String {
    static BUNDLE: OnceLock<String> = OnceLock::new();
    BUNDLE
        .get_or_init(|| {
            let made = rcgen::generate_simple_self_signed(["authority".to_owned()]).unwrap();
            STANDARD.encode(made.cert.pem())
        })
        .clone()
}

fn secret_data() -> Value {
    json!({"current.crt": STANDARD.encode("certificate"), "current.key": STANDARD.encode("key")})
}

fn with_token(kubeconfig: &Path, token: &Value) -> Value {
    let text = std::fs::read_to_string(kubeconfig).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["users"][0]["user"] = json!({"token": token});
    config
}
