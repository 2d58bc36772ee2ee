//! What the API server, with our server behind it, answers to many pods: admitted, denied for what, or refused
//! by the API server itself.
//!
//! Nothing is hardened, and nothing is kept: the requests are dry runs.

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, stream};
use policy::pss::{Level, Minor};
use serde_json::{Value, json};

use crate::support::{
    control_plane::{ControlPlane, Who},
    objects::{pod_path, pods},
    portcullis::Portcullis,
    user::{Answer, User},
    webhooks::ENFORCE,
};

/// The newest version of the Standard that the tested API server knows: our server uses no newer one.
pub(crate) const NEWEST: Minor = Minor(36);

/// A pod, and the enforced level of its namespace.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) level: Level,
    pub(crate) version: Minor,
    pub(crate) pod: Value,
    pub(crate) ask: Ask,
}

/// How a pod is created: the API server accepts ephemeral containers only afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Create,
    /// The pod exists, and its ephemeral containers are added.
    Debug,
}

/// The result for a pod.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The pod as the API server created it, with defaults and without unknown fields.
    Admitted(Value),
    /// Denied by our server, with these controls and fields.
    Denied(BTreeSet<(String, String)>),
    /// Refused by the API server as invalid, before our server was called.
    Invalid(String),
}

const AT_ONCE: usize = 16;

/// Creates the pods in namespaces with their level and version, and returns the verdicts in order. `bystander` is a pod
/// without ephemeral containers that passes everything, to be debugged.
pub(crate) async fn ask(
    plane: &ControlPlane,
    server: &Portcullis,
    bystander: &Value,
    questions: &[Question],
) -> Vec<Verdict> {
    let admin = plane.user(Who::Admin).await;
    let policies: BTreeSet<_> = questions.iter().map(|q| (q.level, q.version)).collect();
    let namespaces = stream::iter(policies).map(async |policy| {
        let namespace = make_namespace(plane, server, policy).await;
        admin.create(&pods(&namespace), bystander).await.granted();
        (policy, namespace)
    });
    let namespaces: HashMap<_, _> = namespaces.buffer_unordered(AT_ONCE).collect().await;
    let name = bystander["metadata"]["name"].as_str().unwrap();
    stream::iter(questions)
        .map(async |question| {
            let namespace = &namespaces[&(question.level, question.version)];
            verdict(put(&admin, namespace, name, question).await)
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn make_namespace(
    plane: &ControlPlane,
    server: &Portcullis,
    (level, version): (Level, Minor),
) -> String {
    let version = version.to_string();
    let labels = [
        ("pod-security.kubernetes.io/enforce", level.as_str()),
        ("pod-security.kubernetes.io/enforce-version", &version),
        ("portcullis.dev/harden", "off"),
    ];
    server.namespace(plane, "verdicts", &labels).await
}

async fn put(admin: &User, namespace: &str, bystander: &str, question: &Question) -> Answer {
    let mut pod = question.pod.clone();
    match question.ask {
        Ask::Create => {
            pod["metadata"]["name"] = json!("asked");
            admin.create(&format!("{}?dryRun=All", pods(namespace)), &pod).await
        }
        Ask::Debug => {
            pod["metadata"]["name"] = json!(bystander);
            let path = pod_path(namespace, bystander);
            admin.replace(&format!("{path}/ephemeralcontainers?dryRun=All"), &pod).await
        }
    }
}

fn verdict(answer: Answer) -> Verdict {
    let ours = format!(r#"admission webhook "{ENFORCE}" denied the request: "#);
    match answer.code {
        200 | 201 => Verdict::Admitted(answer.body),
        403 if answer.message().starts_with(&ours) => {
            let causes = answer.body["details"]["causes"].as_array().expect("causes");
            let text = |cause: &Value, key: &str| cause[key].as_str().unwrap().to_owned();
            let causes = causes.iter().map(|cause| (text(cause, "reason"), text(cause, "field")));
            Verdict::Denied(causes.collect())
        }
        400 | 422 if !answer.message().contains("admission webhook") => {
            Verdict::Invalid(answer.message().to_owned())
        }
        _ => panic!("neither a verdict nor a refusal: {:#}", answer.body),
    }
}
