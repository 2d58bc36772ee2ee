//! Reviews in a stubbed cluster: many namespaces, and lookups that fail.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use kube::Client;
use policy::config::{Config, Overrides};
use portcullis::{
    cluster::Cluster,
    config::Live,
    server::{BodyLimits, Intake},
    telemetry::Metrics,
    webhook::{Webhook, router},
};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};
use tower::ServiceExt as _;

use crate::{
    reviews::counted::series,
    reviews::objects::{Ask, object},
};

const LEVELS: [&str; 4] = ["privileged", "baseline", "restricted", "strict"];

struct World {
    app: axum::Router,
    cluster: Arc<Cluster>,
    metrics: Arc<Metrics>,
    _tasks: JoinSet<()>,
}

impl World {
    /// `list` is the list of namespaces; `other` answers all other requests.
    fn new(
        list: Value,
        other: impl Fn(&str) -> (u16, String) + Clone + Send + Sync + 'static,
    ) -> Self {
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (list, other) = (list.clone(), other.clone());
            async move {
                let uri = request.uri().to_string();
                if uri.contains("watch=") {
                    std::future::pending::<()>().await;
                }
                let (code, text) = match uri.as_str() {
                    uri if uri.starts_with("/api/v1/namespaces?") => (200, list.to_string()),
                    uri => other(uri),
                };
                let mut response = Response::new(Body::from(text));
                *response.status_mut() = code.try_into().unwrap();
                Ok::<_, Infallible>(response)
            }
        });
        let (cluster, task) = Cluster::new(Client::new(service, "default"));
        let mut tasks = JoinSet::new();
        tasks.spawn(task);
        let metrics = Arc::new(Metrics::new(0).unwrap());
        let webhook = Webhook {
            config: Arc::new(Live::fixed(Config::embedded(), Overrides::default())),
            cluster: Some(Arc::clone(&cluster)),
            exceptions: None,
            metrics: Arc::clone(&metrics),
            intake: Intake::new(BodyLimits::default()),
            traces: None,
            events: None,
        };
        Self { app: router(Arc::new(webhook)), cluster, metrics, _tasks: tasks }
    }

    async fn synced(&self) {
        while !self.cluster.is_synced() {
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ask(&self, path: &str, ask: &Ask) -> Value {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(ask.text())).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<Value>(&body).unwrap()["response"].clone()
    }

    fn series(&self) -> (usize, usize) {
        let families = self.metrics.registry().gather();
        let all = families.iter().map(|family| family.get_metric().len()).sum();
        (all, series(&self.metrics).len())
    }
}

fn namespaces(labels: impl Iterator<Item = (String, Value)>) -> Value {
    let items: Vec<Value> = labels
        .map(|(name, labels)| json!({"metadata": {"name": name, "labels": labels, "resourceVersion": "1"}}))
        .collect();
    json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

/// A tenant who may create namespaces cannot create metric series with versions and users.
#[tokio::test]
async fn thousands_of_namespaces_versions_and_users_make_no_more_series() {
    let labels = |index: usize| {
        let level = LEVELS[index % LEVELS.len()];
        let prefix = ["pod-security.kubernetes.io", "portcullis.dev"][index % 2];
        let mut labels = serde_json::Map::new();
        for mode in ["enforce", "audit", "warn"] {
            labels.insert(format!("{prefix}/{mode}"), json!(level));
            labels.insert(format!("{prefix}/{mode}-version"), json!(format!("v1.{index}")));
        }
        (format!("tenant-{index}"), labels.into())
    };
    let world = World::new(namespaces((0..3000).map(labels)), |_| (500, String::new()));
    world.synced().await;
    let ask = async |index: usize| {
        let mut ask = Ask::pod(object(["good", "bad", "plain"][index % 3]));
        ask.namespace = format!("tenant-{index}");
        ask.user = format!("user-{index}");
        ask.name = format!("pod-{index}");
        world.ask(if index.is_multiple_of(7) { "/mutate" } else { "/validate" }, &ask).await;
    };
    // Every version that this build knows, at each level, and some later ones.
    for index in 0..600 {
        ask(index).await;
    }
    let before = world.series();
    for index in 600..3000 {
        ask(index).await;
    }
    assert_eq!(world.series(), before);
}

/// If the lookup of the namespace fails, a pod is denied, and hardening and advice are omitted.
#[tokio::test]
async fn a_look_up_that_fails_denies_a_pod() {
    let status = |code: u16| {
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "no", "reason": "X"}).to_string()
    };
    let answers: Vec<(u16, String)> = vec![
        (403, status(403)),
        (404, status(404)),
        (410, status(410)),
        (429, status(429)),
        (500, status(500)),
        (503, "upstream connect error".to_owned()),
        (200, String::new()),
        (200, "<html>".to_owned()),
        (200, "null".to_owned()),
        (200, r#"{"kind":"PartialObjectMetadata","metadata":{"labels":[]}}"#.to_owned()),
        (200, r#"{"kind":"PartialObjectMetadata","metadata":{"labels":{"a":7}}}"#.to_owned()),
    ];
    for (code, text) in answers {
        let answer = (code, text.clone());
        let world = World::new(namespaces(std::iter::empty()), move |_| answer.clone());
        world.synced().await;
        for name in ["good", "bad"] {
            let ask = Ask::pod(object(name));
            let denied = world.ask("/validate", &ask).await;
            assert_eq!(denied["allowed"], false, "{code} {text}: {denied:#}");
            assert_eq!(denied["status"]["code"], 500, "{code} {text}");
            let left = world.ask("/mutate", &ask).await;
            assert_eq!((&left["allowed"], &left["patch"]), (&json!(true), &Value::Null));
        }
        let mut template = Ask { resource: "apps/deployments".to_owned(), ..Ask::default() };
        template.object = json!({"spec": {"template": object("bad")}});
        let advised = world.ask("/validate", &template).await;
        assert_eq!(advised["allowed"], true);
        assert!(advised["auditAnnotations"]["error"].is_string(), "{advised:#}");
    }
}

/// Pages of pods are judged one after the other on the path of all reviews: small ones directly, large ones on a
/// separate thread.
#[tokio::test]
async fn existing_pods_are_judged_page_by_page() {
    const PODS: usize = 700;
    for filler in [0, 5_000] {
        let world = World::new(namespaces(std::iter::empty()), move |uri| {
            let number = |name: &str| {
                let pairs = uri.split(['?', '&']).filter_map(|pair| pair.split_once('='));
                pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok())
            };
            let first: usize = number("continue").unwrap_or(0);
            let end = PODS.min(first + number("limit").unwrap_or(PODS));
            let pod = |index: usize| {
                let mut pod = object(["bad", "good"][index % 2]);
                pod["metadata"]["name"] = json!(format!("p{index:03}"));
                pod["metadata"]["annotations"] = json!({"a": "x".repeat(filler)});
                pod
            };
            let items: Vec<Value> = (first..end).map(pod).collect();
            let metadata = match PODS - end {
                0 => json!({}),
                left => json!({"continue": end.to_string(), "remainingItemCount": left}),
            };
            (200, json!({"kind": "PodList", "metadata": metadata, "items": items}).to_string())
        });
        world.synced().await;
        let labels = |level| json!({"pod-security.kubernetes.io/enforce": level});
        let ask = Ask::relabelling(&labels("privileged"), &labels("baseline"));
        let mut answer = world.ask("/validate", &ask).await;
        assert_eq!(answer["allowed"], true);
        let warnings: Vec<String> = serde_json::from_value(answer["warnings"].take()).unwrap();
        // A busy machine may not finish within a second.
        let is_whole = warnings.len() == 2
            && warnings[1] == "Namespace \"shop\": p000 (and 349 other pods): host namespaces";
        assert!(
            is_whole || warnings[0].contains(" of 700 existing pods were checked"),
            "{warnings:?}"
        );
        assert!(warnings.iter().any(|warning| warning.contains(": p000 (and ")), "{warnings:?}");
    }
}
