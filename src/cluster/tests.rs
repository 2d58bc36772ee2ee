mod pods;

use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::{
    StreamExt,
    future::{BoxFuture, join_all},
    stream::{self, BoxStream},
};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kube::client::Body;
use serde_json::json;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::Instant,
};

use super::*;
use crate::server::{BodyLimits, Intake, Peer};

type Answer = Response<StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

/// A client of a stub API server with this response to each path and query.
fn api(answer: impl Fn(String) -> BoxFuture<'static, Answer> + Send + Sync + 'static) -> Client {
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer(request.uri().to_string());
        async move { Ok::<_, Infallible>(answer.await) }
    });
    Client::new(service, "default")
}

fn streamed(chunks: impl futures::Stream<Item = String> + Send + 'static) -> Answer {
    let frames = chunks.map(|chunk| Ok(Frame::data(Bytes::from(chunk))));
    Response::new(StreamBody::new(frames.boxed()))
}

fn text(text: impl Into<String>) -> Answer {
    streamed(stream::iter([text.into()]))
}

fn refused(code: u16, message: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": "X"});
    let mut answer = text(status.to_string());
    *answer.status_mut() = code.try_into().unwrap();
    answer
}

fn namespace(name: &str, level: &str) -> serde_json::Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {
        "name": name,
        "resourceVersion": "7",
        "labels": {"pod-security.kubernetes.io/enforce": level, "team": "a", "portcullis.dev/harden": "off"},
    }})
}

fn listed(namespaces: &[serde_json::Value]) -> Answer {
    text(json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "7"}, "items": namespaces}).to_string())
}

fn event(kind: &str, object: &serde_json::Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn level(labels: &Labels) -> &str {
    &labels["pod-security.kubernetes.io/enforce"]
}

fn is_watch(uri: &str) -> bool {
    uri.contains("watch=")
}

fn version() -> Answer {
    text(json!({"major": "1", "minor": "33+", "gitVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}).to_string())
}

/// Waits for a condition; only a failing test waits long.
async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it never came about");
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn namespaces_come_from_the_watch() {
    let (send, events) = mpsc::unbounded_channel::<String>();
    let events = Mutex::new(Some(events));
    let live = Arc::new(AtomicUsize::new(0));
    let lives = Arc::clone(&live);
    let client = api(move |uri| {
        let answer = if uri == "/version" {
            version()
        } else if is_watch(&uri) {
            match events.lock().unwrap().take() {
                Some(events) => streamed(stream::unfold(events, |mut events| async {
                    events.recv().await.map(|event| (event, events))
                })),
                None => streamed(stream::pending()),
            }
        } else if uri.starts_with("/api/v1/namespaces?") {
            listed(&[namespace("a", "baseline"), namespace("b", "baseline")])
        } else {
            lives.fetch_add(1, Ordering::Relaxed);
            refused(404, "namespaces \"b\" not found")
        };
        Box::pin(async { answer })
    });
    let (cluster, task) = Cluster::new(client);
    assert_eq!(cluster.newest(), policy::pss::NEWEST);
    assert_eq!(cluster.cache().silent_for, None);
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    until(|| cluster.is_synced()).await;
    assert_eq!(cluster.cache().namespaces, 2);
    assert!(cluster.cache().silent_for.is_some());
    let labels = cluster.namespace("a").await.unwrap();
    assert_eq!(level(&labels), "baseline");
    assert_eq!(labels["portcullis.dev/harden"], "off");
    assert!(!labels.contains_key("team"));

    send.send(event("MODIFIED", &namespace("a", "restricted"))).unwrap();
    send.send(event("ADDED", &json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "c", "resourceVersion": "9"}}))).unwrap();
    send.send(event("DELETED", &namespace("b", "baseline"))).unwrap();
    send.send(event("ADDED", &namespace("d", "baseline"))).unwrap();
    until(|| cluster.cache().namespaces == 3).await;
    assert_eq!(level(&cluster.namespace("a").await.unwrap()), "restricted");
    assert!(cluster.namespace("c").await.unwrap().is_empty());
    assert_eq!(live.load(Ordering::Relaxed), 0);
    // A namespace that is not cached is read each time.
    for asked in 1..3 {
        assert_eq!(cluster.namespace("b").await, Err(ApiError::NotFound));
        assert_eq!(live.load(Ordering::Relaxed), asked);
    }
    until(|| cluster.newest() == Minor(33)).await;
}

#[tokio::test]
async fn a_watch_that_fails_recovers() {
    let lists = Arc::new(AtomicUsize::new(0));
    let watches = Arc::new(AtomicUsize::new(0));
    let (listing, watching) = (Arc::clone(&lists), Arc::clone(&watches));
    let client = api(move |uri| {
        let answer = if is_watch(&uri) {
            match watching.fetch_add(1, Ordering::Relaxed) {
                // The connection ends, as happens now and then.
                0 => streamed(stream::iter([event("MODIFIED", &namespace("a", "baseline"))])),
                // The resource version has expired.
                1 => streamed(stream::iter([event(
                    "ERROR",
                    &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}),
                )])),
                _ => streamed(stream::pending()),
            }
        } else if uri.starts_with("/api/v1/namespaces?") {
            match listing.fetch_add(1, Ordering::Relaxed) {
                0 => listed(&[namespace("a", "privileged"), namespace("b", "privileged")]),
                _ => listed(&[namespace("a", "restricted")]),
            }
        } else {
            refused(500, "no")
        };
        Box::pin(async { answer })
    });
    let (cluster, task) = Cluster::new(client);
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    until(|| watches.load(Ordering::Relaxed) >= 2).await;
    // Between the two lists the cached content stays in use.
    assert!(cluster.is_synced());
    assert_eq!(cluster.cache().namespaces, 2);
    assert_eq!(level(&cluster.namespace("a").await.unwrap()), "baseline");
    until(|| cluster.cache().namespaces == 1).await;
    assert_eq!(level(&cluster.namespace("a").await.unwrap()), "restricted");
    // Its version requests failed all the while.
    assert_eq!(cluster.newest(), policy::pss::NEWEST);
}

/// A list or watch without data is abandoned, and the next one continues.
#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up() {
    let (lists, watches) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (listing, watching) = (Arc::clone(&lists), Arc::clone(&watches));
    let client = api(move |uri| {
        if is_watch(&uri) {
            assert!(uri.contains("timeoutSeconds=40"), "{uri}");
            match watching.fetch_add(1, Ordering::Relaxed) {
                // Silence in the middle of a watch, then before the response.
                0 => {
                    let first = event("MODIFIED", &namespace("a", "baseline"));
                    let silent = stream::iter([first]).chain(stream::pending());
                    Box::pin(async { streamed(silent) })
                }
                1 => Box::pin(std::future::pending()),
                _ => {
                    let change = event("MODIFIED", &namespace("a", "restricted"));
                    let open = stream::iter([change]).chain(stream::pending());
                    Box::pin(async { streamed(open) })
                }
            }
        } else if uri.starts_with("/api/v1/namespaces?") {
            match listing.fetch_add(1, Ordering::Relaxed) {
                0 => Box::pin(async { streamed(stream::pending()) }),
                _ => Box::pin(async { listed(&[namespace("a", "privileged")]) }),
            }
        } else {
            Box::pin(async { refused(500, "no") })
        }
    });
    let limits = RequestLimits { silence: Duration::from_millis(100), ..RequestLimits::default() };
    let (cluster, task) = Cluster::with_limits(client, limits);
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    let is = |expected: &'static str| {
        let cluster = Arc::clone(&cluster);
        move || cluster.cached("a").is_some_and(|labels| level(&labels) == expected)
    };
    until(is("baseline")).await;
    until(is("restricted")).await;
    assert_eq!(lists.load(Ordering::Relaxed), 2, "a watch goes on without a new list");
}

#[tokio::test]
async fn a_server_that_ends_every_watch_is_not_asked_in_a_tight_loop() {
    let watches = Arc::new(AtomicUsize::new(0));
    let watching = Arc::clone(&watches);
    let client = api(move |uri| {
        let answer = if is_watch(&uri) {
            watching.fetch_add(1, Ordering::Relaxed);
            text("")
        } else {
            listed(&[])
        };
        Box::pin(async { answer })
    });
    let (cluster, task) = Cluster::new(client);
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    until(|| cluster.is_synced()).await;
    let (start, before) = (Instant::now(), watches.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tenths = start.elapsed().as_millis() / 100;
    let asked = watches.load(Ordering::Relaxed) - before;
    assert!(asked as u128 <= tenths + 2, "{asked} in {tenths} tenths of a second");
}

#[tokio::test]
async fn a_forbidden_watch_is_never_synced_but_live_reads_serve() {
    let lists = Arc::new(AtomicUsize::new(0));
    let listing = Arc::clone(&lists);
    let client = api(move |uri| {
        if uri.starts_with("/api/v1/namespaces?") {
            listing.fetch_add(1, Ordering::Relaxed);
        }
        Box::pin(async move {
            match uri.as_str() {
                "/api/v1/namespaces/a" => text(namespace("a", "baseline").to_string()),
                _ => refused(403, "namespaces is forbidden:\nUser \"x\" cannot list"),
            }
        })
    });
    let (cluster, task) = Cluster::new(client);
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    until(|| lists.load(Ordering::Relaxed) > 0).await;
    assert!(!cluster.is_synced());
    assert_eq!(level(&cluster.namespace("a").await.unwrap()), "baseline");
    let forbidden = "namespaces is forbidden: User \"x\" cannot list (code 403)";
    assert_eq!(cluster.namespace("b").await, Err(ApiError::Failed(forbidden.to_owned())));
    // An error response does not count as data.
    assert_eq!(cluster.cache().silent_for, None);
}

/// A stub API server that counts live reads, and responds on demand.
fn held() -> (Client, Arc<AtomicUsize>, Arc<Notify>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let go = Arc::new(Notify::new());
    let (count, wait) = (Arc::clone(&asked), Arc::clone(&go));
    let client = api(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let wait = Arc::clone(&wait);
        Box::pin(async move {
            wait.notified().await;
            text(namespace("a", "restricted").to_string())
        })
    });
    (client, asked, go)
}

#[tokio::test]
async fn many_callers_make_one_live_read() {
    let (client, asked, go) = held();
    let (cluster, _task) = Cluster::new(client);
    let callers = join_all((0..100).map(|_| cluster.namespace("a")));
    let release = async {
        until(|| asked.load(Ordering::Relaxed) == 1).await;
        go.notify_one();
    };
    let (answers, ()) = tokio::join!(callers, release);
    for answer in answers {
        assert_eq!(level(&answer.unwrap()), "restricted");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // A completed read is not reused: the next caller reads again.
    go.notify_one();
    cluster.namespace("a").await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_no_one_along() {
    let (client, asked, go) = held();
    let (cluster, _task) = Cluster::new(client);
    let mut first = Box::pin(cluster.namespace("a"));
    let mut second = Box::pin(cluster.namespace("a"));
    for caller in [&mut first, &mut second] {
        assert!(futures::poll!(caller).is_pending());
    }
    until(|| asked.load(Ordering::Relaxed) == 1).await;
    drop(first);
    go.notify_one();
    second.await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    // After all callers are cancelled, a new read starts.
    let mut third = Box::pin(cluster.namespace("a"));
    assert!(futures::poll!(&mut third).is_pending());
    drop(third);
    go.notify_one();
    cluster.namespace("a").await.unwrap();
}

#[tokio::test]
async fn live_reads_are_limited() {
    let limits =
        RequestLimits { reads_per_second: 0.0, reads_at_once: 2.0, ..RequestLimits::default() };
    let client = api(|_| Box::pin(async { text(namespace("x", "baseline").to_string()) }));
    let (cluster, _task) = Cluster::with_limits(client, limits);
    cluster.namespace("a").await.unwrap();
    cluster.namespace("b").await.unwrap();
    assert_eq!(cluster.namespace("c").await, Err(ApiError::RateLimited));
}

#[tokio::test]
async fn live_reads_have_a_deadline() {
    let limits =
        RequestLimits { read_timeout: Duration::from_millis(20), ..RequestLimits::default() };
    let client = api(|_| Box::pin(std::future::pending()));
    let (cluster, _task) = Cluster::with_limits(client, limits);
    assert_eq!(cluster.namespace("a").await, Err(ApiError::Timeout));
}

#[tokio::test]
async fn what_cannot_be_a_name_is_not_asked_for() {
    let client = api(|uri| panic!("asked for {uri}"));
    let (cluster, _task) = Cluster::new(client);
    for name in ["", "..", "a/b", "a?x=y", "A", "a b", &"a".repeat(64)] {
        assert_eq!(cluster.namespace(name).await, Err(ApiError::NotFound));
        let intake = Intake::new(BodyLimits::default());
        let pods = cluster.pods.list(name, &intake, Peer::default(), far()).await;
        assert_eq!(pods.err(), Some(ApiError::NotFound));
    }
}
