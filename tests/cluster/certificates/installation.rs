//! The objects that a chart creates for self-managed certificates, and replicas of the server.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::support::{
    control_plane::{ControlPlane, Who},
    portcullis::page,
    process::{Folder, Process, free_port},
    skip::Skip,
    user::{Answer, User},
    wait::{PATIENCE, until},
};

pub(crate) const VALIDATING: &str =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
pub(crate) const MUTATING: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/// A namespace with an empty Secret, two webhook configurations, and the permissions to manage them.
pub(crate) struct Installation {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) admin: User,
    pub(crate) namespace: String,
}

impl Installation {
    pub(crate) async fn new() -> Result<Self, Skip> {
        let labels = json!({"portcullis.dev/certificates": "self"});
        Self::with_secret(json!({"metadata": {"name": "ca", "labels": labels}})).await
    }

    pub(crate) async fn with_secret(secret: Value) -> Result<Self, Skip> {
        let plane = ControlPlane::shared()?;
        let namespace = plane.namespace("certificates", &[]).await;
        let admin = plane.user(Who::Admin).await;
        let installation = Self { plane, admin, namespace };
        installation.allow().await;
        installation.admin.create(&installation.secrets(), &secret).await.granted();
        for (path, webhooks) in [(VALIDATING, 3), (MUTATING, 1)] {
            installation.register(path, webhooks).await;
        }
        Ok(installation)
    }

    /// Exactly the permissions of the chart.
    async fn allow(&self) {
        let Self { admin, namespace, .. } = self;
        let group = "rbac.authorization.k8s.io";
        let role = json!({"metadata": {"name": "portcullis"}, "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["ca"], "verbs": ["get", "watch", "update"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["portcullis"], "verbs": ["get", "update"]},
        ]});
        let cluster_role = json!({"metadata": {"name": namespace}, "rules": [{
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
            "resourceNames": [namespace],
            "verbs": ["get", "watch", "patch"],
        }]});
        let binding = |kind: &str, role: &str| {
            json!({
                "metadata": {"name": namespace},
                "roleRef": {"apiGroup": group, "kind": kind, "name": role},
                "subjects": [{"apiGroup": group, "kind": "User", "name": "portcullis"}],
            })
        };
        let all = format!("/apis/{group}/v1");
        let own = format!("{all}/namespaces/{namespace}");
        for (path, object) in [
            (format!("{own}/roles"), role),
            (format!("{own}/rolebindings"), binding("Role", "portcullis")),
            (format!("{all}/clusterroles"), cluster_role),
            (format!("{all}/clusterrolebindings"), binding("ClusterRole", namespace)),
        ] {
            admin.create(&path, &object).await.granted();
        }
    }

    /// A configuration with this number of webhooks, which the API server never calls.
    pub(crate) async fn register(&self, path: &str, webhooks: usize) {
        let Self { admin, namespace, .. } = self;
        let webhook = |index: usize| {
            json!({
                "name": format!("w{index}.portcullis.dev"),
                "clientConfig": {"service": {"name": "portcullis", "namespace": namespace, "path": "/validate"}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
                "namespaceSelector": {"matchLabels": {"never": namespace}},
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            })
        };
        let webhooks: Vec<Value> = (0..webhooks).map(webhook).collect();
        let object = json!({"metadata": {"name": namespace}, "webhooks": webhooks});
        admin.create(path, &object).await.granted();
    }

    fn secrets(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", self.namespace)
    }

    pub(crate) fn secret(&self) -> String {
        format!("{}/ca", self.secrets())
    }

    /// The path of our configuration among those at `path`.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{path}/{}", self.namespace)
    }

    /// The Secret's data, decoded.
    pub(crate) async fn stored(&self, key: &str) -> String {
        let secret = self.admin.get(&self.secret()).await.granted();
        let data = secret["data"][key].as_str().unwrap_or_default();
        String::from_utf8_lossy(&STANDARD.decode(data).unwrap()).into_owned()
    }

    /// The CAs that each webhook of the configuration trusts, in PEM.
    pub(crate) async fn bundles(&self, path: &str) -> Vec<String> {
        bundles(self.admin.get(&self.at(path)).await)
    }

    /// Starts a replica without waiting for it.
    pub(crate) fn launch(&self, flags: &[&str]) -> Replica {
        let folder = Folder::new("replica");
        let (port, admin_port) = (free_port(), free_port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.arg("serve").arg("--kubeconfig").arg(self.plane.kubeconfig(Who::Portcullis));
        command.args(["--bind-address", "127.0.0.1", "--drain-grace", "1"]);
        command.args(["--secure-port", &port.to_string(), "--admin-port", &admin_port.to_string()]);
        command.args(["--namespace", &self.namespace, "--service", "portcullis"]);
        command.args(["--ca-secret", "ca"]);
        if !flags.contains(&"--identity") {
            command.args(["--identity", &format!("replica-{port}")]);
        }
        command.args(["--validating-webhook", &self.namespace]);
        command.args(["--mutating-webhook", &self.namespace]);
        command.args(flags);
        let process = Process::start(&command, &folder.path().join("portcullis.log"));
        let name = format!("portcullis.{}.svc", self.namespace);
        Replica { process, port, admin_port, name, _folder: folder }
    }

    /// Starts a replica, and waits until it is ready.
    pub(crate) async fn start(&self, flags: &[&str]) -> Replica {
        let mut replica = self.launch(flags);
        replica.wait_ready().await;
        replica
    }
}

pub(crate) fn bundles(configuration: Answer) -> Vec<String> {
    let configuration = configuration.granted();
    let webhooks = configuration["webhooks"].as_array().unwrap();
    let bundle = |webhook: &Value| {
        let bundle = webhook["clientConfig"]["caBundle"].as_str().unwrap_or_default();
        String::from_utf8(STANDARD.decode(bundle).unwrap()).unwrap()
    };
    webhooks.iter().map(bundle).collect()
}

/// A running replica, killed when dropped.
pub(crate) struct Replica {
    pub(crate) process: Process,
    pub(crate) port: u16,
    pub(crate) admin_port: u16,
    name: String,
    _folder: Folder,
}

impl Replica {
    pub(crate) async fn wait_ready(&mut self) {
        until("the replica to be ready", PATIENCE, async || {
            assert!(self.process.ended().is_none(), "ended: {}", self.process.log_tail());
            page(self.admin_port, "/readyz").await.filter(|(code, _)| *code == 200)
        })
        .await;
    }

    pub(crate) async fn readiness(&self) -> String {
        page(self.admin_port, "/readyz?verbose").await.map(|(_, body)| body).unwrap_or_default()
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let (_, body) = page(self.admin_port, "/metrics").await.unwrap();
        let start = format!("{name} ");
        let line = body.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }

    /// Connects like the API server: with the Service's name, and this bundle only. Returns the certificate.
    pub(crate) async fn dial(&self, bundle: &str) -> std::io::Result<Vec<u8>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(self.name.clone()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let dialling = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = timeout(Duration::from_secs(10), dialling).await??;
        let (_, session) = stream.get_ref();
        Ok(session.peer_certificates().unwrap()[0].to_vec())
    }
}
