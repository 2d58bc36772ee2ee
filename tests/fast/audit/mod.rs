//! The audit of a stub API server: how lists are walked, and how objects are folded into workloads.

mod folding;
mod stub;
mod walking;

use std::{convert::Infallible, num::NonZeroU32, sync::Arc};

use kube::Client;
use policy::{
    config::Config,
    findings::{Audited, Modes, Namespace, Presence, Unread},
    pss::{FindingLimits, Level},
};
use portcullis::audit::{AuditProgress, AuditSettings, Event, Templates, run};
use serde_json::{Value, json};

const PODS: &str = "/api/v1/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
const REPLICA_SETS: &str = "/apis/apps/v1/replicasets";
const STATEFUL_SETS: &str = "/apis/apps/v1/statefulsets";
const JOBS: &str = "/apis/batch/v1/jobs";
const CRON_JOBS: &str = "/apis/batch/v1/cronjobs";

fn settings(page: u32) -> AuditSettings {
    AuditSettings {
        config: Config::embedded(),
        exceptions: Arc::default(),
        templates: Templates::AsWritten,
        modes: Modes::Enforce,
        namespaces: Vec::new(),
        selector: None,
        fail_on: Level::Restricted,
        page: NonZeroU32::new(page).unwrap(),
        presence: Some(Presence::Installed),
        caps: FindingLimits::REPORT,
    }
}

/// All recorded events.
#[derive(Debug, Default)]
struct Recorded {
    namespaces: Vec<Namespace>,
    unread: Vec<String>,
    notes: Vec<String>,
    last: AuditProgress,
}

async fn audit(client: &Client, settings: &AuditSettings) -> Recorded {
    let mut recorded = Recorded::default();
    let record = async |event| {
        match event {
            Event::Namespace(namespace) => recorded.namespaces.push(*namespace),
            Event::Unread(Unread { what, why }) => recorded.unread.push(format!("{what}: {why}")),
            Event::Note(note) => recorded.notes.push(note.to_string()),
            Event::Progress(progress) => recorded.last = progress,
        }
        Ok::<_, Infallible>(())
    };
    run(client, settings, record).await.unwrap();
    recorded
}

impl Recorded {
    /// Each workload: `Deployment shop/web 3 baseline restricted`, that is its pods, its level now and once hardened.
    fn workloads(&self) -> Vec<String> {
        let all = self.namespaces.iter().flat_map(|namespace| &namespace.workloads);
        all.map(|Audited { workload, pods, .. }| {
            let levels_met = &workload.levels_met;
            format!("{} {pods} {} {}", workload.identity, levels_met.now, levels_met.hardened)
        })
        .collect()
    }

    fn names(&self) -> Vec<&str> {
        self.namespaces.iter().map(|namespace| namespace.facts.name.as_str()).collect()
    }
}

/// The spec of a pod without any settings, of one that runs as root, and of a privileged one.
fn plain() -> Value {
    json!({"containers": [{"name": "app", "image": "registry.example/app:1"}]})
}

fn root() -> Value {
    json!({"containers": [{"name": "app", "securityContext": {"runAsUser": 0}}]})
}

fn privileged() -> Value {
    json!({"containers": [{"name": "app", "securityContext": {"privileged": true}}]})
}

fn pod(spec: &Value) -> Value {
    json!({"metadata": {}, "spec": spec})
}

fn controller(spec: &Value) -> Value {
    json!({"metadata": {}, "spec": {"template": {"spec": spec}}})
}

fn cron_job(spec: &Value) -> Value {
    json!({"metadata": {}, "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}})
}

/// The same object with a controller.
fn owned(mut object: Value, api_version: &str, kind: &str, name: &str) -> Value {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": api_version, "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": true,
    }]);
    object
}
