//! Tests of the store with a stub API server. `tests/cluster/exceptions` uses a real one.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use super::*;
use policy::exceptions::{ExceptionSettings, Expiry};

fn object(namespace: &str, name: &str, allow: &Value) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "PolicyException",
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": "7", "generation": 1},
        "spec": {
            "match": {"namespaces": ["shop"]}, "allow": allow,
            "reason": "r", "owner": "o", "expires": "2127-01-31T00:00:00Z",
        },
    })
}

/// A stub that lists these objects, or fails with this code unless it is 0, and counts the requests.
fn api(objects: Vec<Value>, code: Arc<AtomicU16>, asked: Arc<AtomicUsize>) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        asked.fetch_add(1, Ordering::Relaxed);
        let uri = request.uri().to_string();
        let refusal = code.load(Ordering::Relaxed);
        let namespace = uri.split('/').nth(5).unwrap_or_default().to_owned();
        let items: Vec<_> = objects
            .iter()
            .filter(|object| object["metadata"]["namespace"] == namespace.as_str())
            .cloned()
            .collect();
        async move {
            let mut response = if refusal != 0 {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": refusal, "message": "m", "reason": "X"});
                Response::new(Body::from(status.to_string().into_bytes()))
            } else if uri.contains("watch=") {
                // A watch without events.
                sleep(Duration::from_secs(40)).await;
                Response::new(Body::empty())
            } else {
                let list = json!({
                    "kind": "PolicyExceptionList", "apiVersion": "portcullis.dev/v1alpha1",
                    "metadata": {"resourceVersion": "7"}, "items": items,
                });
                Response::new(Body::from(list.to_string().into_bytes()))
            };
            if refusal != 0 {
                *response.status_mut() = refusal.try_into().unwrap();
            }
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, "default")
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it never came about");
}

fn settings(namespaces: &[&str]) -> ExceptionSettings {
    let namespaces = namespaces.iter().map(|it| (*it).to_owned()).collect();
    ExceptionSettings { namespaces, expiry: Expiry::Required }
}

fn names(store: &Store) -> Vec<String> {
    store.current().iter().map(|exception| exception.name.clone()).collect()
}

#[tokio::test]
async fn those_of_listed_namespaces_hold_and_invalid_ones_do_not() {
    let objects = vec![
        object("portcullis", "good", &json!({"hostNamespaces": ["pid"]})),
        object("portcullis", "half", &json!({"hostNamespaces": ["pid"], "capabilities": ["net"]})),
        object("tenant", "mine", &json!({"hostNamespaces": ["pid"]})),
    ];
    let wanted = Arc::new(Mutex::new(settings(&["portcullis"])));
    let asked = Arc::clone(&wanted);
    let client = api(objects, Arc::default(), Arc::default());
    let (store, task) = Store::new(client, move || asked.lock().unwrap().clone());
    assert!(!store.is_synced());
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    until(|| store.is_synced() && !store.current().is_empty()).await;
    assert_eq!(names(&store), ["portcullis/good"]);

    store.counted(HashMap::from([("portcullis/good".to_owned(), 3)]));
    let told: Vec<_> = store
        .untold(SystemTime::now())
        .into_iter()
        .map(|((_, name), status)| {
            format!(
                "{name} {:?} {:?} {:?}",
                status.state.unwrap(),
                status.covers.unwrap(),
                status.message.unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(told[0], "good Active 3 \"\"");
    assert!(told[1].starts_with("half Invalid 0 \"spec.allow.capabilities[0]: "), "{told:?}");
    for (key, status) in store.untold(SystemTime::now()) {
        store.told(&key, status);
    }
    assert_eq!(store.untold(SystemTime::now()), []);

    *wanted.lock().unwrap() = settings(&["portcullis", "tenant"]);
    until(|| store.current().len() == 2 && store.is_synced()).await;
    *wanted.lock().unwrap() = settings(&[]);
    until(|| store.current().is_empty() && store.is_synced()).await;
    assert_eq!(store.honours("portcullis"), Some(false));
}

#[tokio::test]
async fn a_cluster_that_does_not_know_them_has_none() {
    let (code, asked) = (Arc::new(AtomicU16::new(404)), Arc::new(AtomicUsize::new(0)));
    let objects = vec![object("p", "good", &json!({"hostNamespaces": ["pid"]}))];
    let client = api(objects, Arc::clone(&code), Arc::clone(&asked));
    let (store, task) = Store::new(client, || settings(&["p"]));
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    until(|| store.is_synced()).await;
    assert!(store.current().is_empty());
    // They become available later.
    code.store(0, Ordering::Relaxed);
    until(|| names(&store) == ["p/good"]).await;
    assert!(asked.load(Ordering::Relaxed) < 20);
}

#[tokio::test]
async fn one_that_refuses_leaves_open_what_there_is() {
    let code = Arc::new(AtomicU16::new(403));
    let asked = Arc::new(AtomicUsize::new(0));
    let client = api(Vec::new(), code, Arc::clone(&asked));
    let (store, task) = Store::new(client, || settings(&["p"]));
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    until(|| asked.load(Ordering::Relaxed) > 1).await;
    assert!(!store.is_synced());
}
