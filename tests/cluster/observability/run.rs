//! The metrics of a real server and of the API server, after everything that is counted has happened.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::exceptions::{define, except};
use crate::{
    certificates::installation::{Installation, Replica},
    support::{
        control_plane::{ControlPlane, Who},
        portcullis::{Portcullis, page},
        skip::Skip,
        user::User,
        wait::{PATIENCE, until},
    },
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

const CONFIGURATION: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: baseline, audit: restricted, warn: restricted}
exemptions: {usernames: [release-bot]}
harden: {mode: auto}
";

/// The pages of metrics.
pub(crate) struct Exposed {
    /// Of a server that answers an API server.
    pub(crate) server: String,
    /// Of one that manages certificates.
    pub(crate) self_managed: String,
    /// Of one that writes reports and Events, and accepts exceptions.
    pub(crate) reporting: String,
    pub(crate) api_server: String,
}

impl Exposed {
    /// Shared by all tests of the process.
    pub(crate) async fn shared() -> Result<&'static Self, Skip> {
        static SHARED: OnceCell<Exposed> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::collect).await
    }

    async fn collect() -> Result<Self, Skip> {
        let installation = Installation::new().await?;
        let plane = installation.plane;
        let replica = installation.start(&[]).await;
        let flags = ["--metrics-namespaces", "5"];
        let mut server = Portcullis::launch(plane, Some(CONFIGURATION), &flags);
        server.wait_ready().await;
        // Later, our own webhook would refuse the label.
        let invalid = server.namespace(plane, "run", &[(ENFORCE, "strict")]).await;
        server.register(plane).await;
        use_everything(plane, &server, &invalid).await;
        let spare = server.namespace(plane, "run", &[]).await;
        let text = server.page("/metrics").await.unwrap().1;
        let self_managed = of_leader(&replica).await;
        let reporting = of_reporter(plane).await;

        server.signal("KILL");
        server.ended().await;
        let admin = plane.user(Who::Admin).await;
        fail(&admin, &spare).await;
        let api_server = admin.get("/metrics").await.granted().as_str().unwrap().to_owned();
        Ok(Self { server: text, self_managed, reporting, api_server })
    }

    pub(crate) fn all(&self) -> String {
        [self.server.as_str(), &self.self_managed, &self.reporting, &self.api_server].join("\n")
    }
}

async fn of_leader(replica: &Replica) -> String {
    until("the replica to lead", PATIENCE, async || {
        (replica.metric("portcullis_leader").await == 1.0).then_some(())
    })
    .await;
    page(replica.admin_port, "/metrics").await.unwrap().1
}

/// After an audit, with an exception that expires soon.
async fn of_reporter(plane: &ControlPlane) -> String {
    let admin = plane.user(Who::Admin).await;
    define(&admin).await;
    let ours = plane.namespace("ours", &[]).await;
    let soon = SystemTime::now() + Duration::from_secs(3600);
    except(&admin, (&ours, "agent"), "monitoring", soon).await;
    let configuration = format!(
        "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
exceptions: {{namespaces: [{ours}]}}
"
    );
    let flags = ["--reports=auto", "--events", "--namespace=default", "--lease=reports"];
    let kubeconfig = plane.kubeconfig(Who::Admin);
    let server = Portcullis::launch_by(&kubeconfig, Some(&configuration), &flags);
    until("an audit", PATIENCE, async || {
        let (_, text) = server.page("/metrics").await?;
        let awaited =
            ["audit_last_timestamp_seconds ", "exception_expiry_timestamp_seconds{exception="];
        let is_there = awaited.map(|name| text.contains(&format!("\nportcullis_{name}")));
        (is_there == [true; 2]).then_some(text)
    })
    .await
}

/// One request of each kind.
async fn use_everything(plane: &ControlPlane, server: &Portcullis, invalid: &str) {
    let dev = plane.user(Who::Developer).await;
    let baseline = server.namespace(plane, "run", &[(ENFORCE, "baseline")]).await;
    let restricted = server.namespace(plane, "run", &[(ENFORCE, "restricted")]).await;
    let privileged = pod(&json!({"privileged": true}));
    let plain = pod(&json!({}));

    // Denied; warned and audited; hardened; with the strictest settings; exempt; judged by an invalid label.
    assert_eq!(dev.create(&pods(&baseline), &privileged).await.code, 403);
    dev.create(&pods(&baseline), &plain).await.granted();
    dev.create(&pods(&restricted), &plain).await.granted();
    let bot = plane.user(Who::ReleaseBot).await;
    bot.create(&pods(&baseline), &privileged).await.granted();
    dev.create(&pods(invalid), &plain).await;
    dev.create(&deployments(&baseline), &deployment()).await.granted();
}

/// Without a server, judged requests are refused, and others are admitted.
async fn fail(admin: &User, namespace: &str) {
    assert_eq!(admin.create(&pods(namespace), &pod(&json!({}))).await.code, 500);
    admin.create(&deployments(namespace), &deployment()).await.granted();
}

fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

fn deployments(namespace: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/deployments")
}

fn pod(security: &Value) -> Value {
    let container = json!({"name": "main", "image": "web:1", "securityContext": security});
    json!({"metadata": {"generateName": "web-"}, "spec": {"containers": [container]}})
}

fn deployment() -> Value {
    let labels = json!({"app": "web"});
    let template = json!({"metadata": {"labels": labels}, "spec": pod(&json!({}))["spec"]});
    json!({
        "metadata": {"generateName": "web-"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    })
}
