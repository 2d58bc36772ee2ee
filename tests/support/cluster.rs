//! A cluster in separate namespaces, with our chart installed and our server in its pods. Only the images and the nodes
//! are simulated: see [`super::nodelet`].

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::certificates::Serving;
use super::control_plane::{BuiltInPodSecurity, ControlPlane, Place, Who};
use super::go::Program;
use super::helm::{Helm, RELEASE};
use super::nodelet::{Nodelet, Replica, Restarts};
use super::process::Folder;
use super::services::{Services, ready_endpoints};
use super::user::User;
use super::wait::{PATIENCE, until};

/// The programs that a test in [`super::namespaces::in_namespaces`] needs for a cluster.
pub(crate) const PROGRAMS: &[Program] =
    &[Program::Etcd, Program::KubeApiserver, Program::KubeControllerManager, Program::Helm4];

/// A running cluster. Its parts end in the order of the fields.
#[derive(Debug)]
pub(crate) struct Cluster {
    services: Services,
    nodelet: Nodelet,
    pub(crate) helm: Helm,
    /// The control plane, to stop and start its programs.
    pub(crate) plane: ControlPlane,
    folder: Folder,
}

impl Cluster {
    /// Starts an empty cluster. Only works in [`super::namespaces::in_namespaces`].
    pub(crate) fn start() -> Self {
        Self::start_with(Program::Helm4, &[])
    }

    /// Starts with another version of helm, or further flags of kube-apiserver.
    pub(crate) fn start_with(helm: Program, flags: &[String]) -> Self {
        let plane = ControlPlane::start_with(Place::Cluster, BuiltInPodSecurity::Off, flags)
            .expect("the programs were built before");
        let admin = plane.kubeconfig(Who::Admin);
        let folder = Folder::new("cluster");
        Self {
            services: Services::start(admin.clone(), RELEASE),
            nodelet: Nodelet::start(admin.clone(), RELEASE, folder.path()),
            helm: Helm::new(helm, admin),
            plane,
            folder,
        }
    }

    /// A client for this user.
    pub(crate) async fn user(&self, who: Who) -> User {
        self.plane.user(who).await
    }

    /// Installs the chart with these values, and waits until its replicas are ready and the API server calls them.
    pub(crate) async fn install(&self, values: &Value) {
        self.helm.install(values, &[]);
        let admin = self.user(Who::Admin).await;
        let deployment = admin.get(&deployment()).await.granted();
        let count = deployment["spec"]["replicas"].as_u64().unwrap();
        self.ready(usize::try_from(count).unwrap()).await;
        called(&admin).await;
    }

    /// Creates the Secret of the serving certificate. Returns the values for the chart to use it.
    pub(crate) async fn existing_secret(&self) -> Value {
        let serving = Serving::under(&self.folder, &[&format!("{RELEASE}.{RELEASE}.svc")]);
        let read = |file: &Path| STANDARD.encode(fs::read(file).unwrap());
        let files = json!({"tls.crt": read(&serving.certificate), "tls.key": read(&serving.key)});
        self.secret("serving", "kubernetes.io/tls", &files).await;
        json!({"certs": {
            "mode": "existingSecret",
            "existingSecret": {"name": "serving", "caBundle": serving.authority_pem},
        }})
    }

    /// Creates a Secret in the release's namespace, which is created if missing. The data is in base64.
    pub(crate) async fn secret(&self, name: &str, kind: &str, data: &Value) {
        let admin = self.user(Who::Admin).await;
        let namespace = json!({"metadata": {"name": RELEASE}});
        let made = admin.create("/api/v1/namespaces", &namespace).await;
        assert!([201, 409].contains(&made.code), "{:#}", made.body);
        let secret = json!({"metadata": {"name": name}, "type": kind, "data": data});
        let path = format!("/api/v1/namespaces/{RELEASE}/secrets");
        admin.create(&path, &secret).await.granted();
    }

    /// The CAs in the caBundle of the webhooks, in PEM.
    pub(crate) async fn authorities(&self) -> String {
        let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
        let admin = self.user(Who::Admin).await;
        let configuration = admin.get(&format!("{path}/{RELEASE}")).await.granted();
        let bundle = configuration["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap();
        String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap()
    }

    /// The server's pods that are not terminating, by name.
    pub(crate) fn replicas(&self) -> Vec<Arc<Replica>> {
        let mut replicas = self.nodelet.replicas();
        replicas.retain(|replica| is_server(replica) && !replica.is_terminating());
        replicas.sort_by(|one, other| one.name().cmp(other.name()));
        replicas
    }

    /// All pods of the release's namespace, including terminating ones and those of hooks.
    pub(crate) fn pods(&self) -> Vec<Arc<Replica>> {
        self.nodelet.replicas()
    }

    /// Waits until this number of replicas is ready, and the endpoints contain nothing else.
    pub(crate) async fn ready(&self, count: usize) -> Vec<Arc<Replica>> {
        let admin = self.user(Who::Admin).await;
        until(&format!("{count} ready replicas"), PATIENCE, async || {
            let replicas = self.replicas();
            let are_ready =
                replicas.len() == count && replicas.iter().all(|replica| replica.is_ready());
            (are_ready && self.endpoints(&admin).await == count).then_some(replicas)
        })
        .await
    }

    /// The number of ready endpoints of the webhook's Service.
    pub(crate) async fn endpoints(&self, user: &User) -> usize {
        let path = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{RELEASE}/endpointslices?labelSelector=kubernetes.io/service-name%3D{RELEASE}"
        );
        match user.try_get(&path).await {
            Ok(list) => ready_endpoints(&list.body, "webhook").len(),
            Err(_) => 0,
        }
    }

    /// Sets the number of replicas, as `kubectl scale` does, and does not wait.
    pub(crate) async fn scale(&self, count: u32) {
        let admin = self.user(Who::Admin).await;
        admin.merge(&deployment(), &json!({"spec": {"replicas": count}})).await.granted();
    }

    /// Replaces all replicas, as `kubectl rollout restart` does, and does not wait.
    pub(crate) async fn rollout_restart(&self) {
        let now = jiff::Timestamp::now().to_string();
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": now});
        let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        let admin = self.user(Who::Admin).await;
        admin.merge(&deployment(), &patch).await.granted();
    }

    /// Waits until all pods of the Deployment are of the newest revision and ready, and no others are left.
    pub(crate) async fn rolled_out(&self) {
        let admin = self.user(Who::Admin).await;
        until("the rollout to end", 5 * PATIENCE, async || {
            let deployment = admin.try_get(&deployment()).await.ok()?.body;
            let status = &deployment["status"];
            let wanted = deployment["spec"]["replicas"].as_u64()?;
            let is_over = status["observedGeneration"] == deployment["metadata"]["generation"]
                && ["replicas", "updatedReplicas", "availableReplicas"]
                    .iter()
                    .all(|count| status[count].as_u64() == Some(wanted))
                && self.nodelet.replicas().iter().filter(|pod| is_server(pod)).count() as u64
                    == wanted;
            is_over.then_some(())
        })
        .await;
    }

    /// Sets whether programs that end are restarted.
    pub(crate) fn set_restarts(&self, restarts: Restarts) {
        self.nodelet.set_restarts(restarts);
    }

    /// Creates a namespace with these labels, in which pods can be created.
    pub(crate) async fn namespace(&self, base: &str, labels: &[(&str, &str)]) -> String {
        self.plane.namespace(base, labels).await
    }
}

fn is_server(replica: &Replica) -> bool {
    replica.label("app.kubernetes.io/component") == Some("webhook")
}

fn deployment() -> String {
    format!("/apis/apps/v1/namespaces/{RELEASE}/deployments/{RELEASE}")
}

/// Waits until the API server calls the webhooks, which it learns from a watch: an invalid label is refused, or warned
/// about in dry run.
async fn called(admin: &User) {
    let labels = json!({"pod-security.kubernetes.io/enforce": "no-level"});
    let namespace = json!({"metadata": {"name": "probe", "labels": labels}});
    until("the webhooks to be called", PATIENCE, async || {
        let answer = admin.create("/api/v1/namespaces?dryRun=All", &namespace).await;
        (answer.code != 201 || !answer.warnings.is_empty()).then_some(())
    })
    .await;
}
