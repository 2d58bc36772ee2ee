//! The admin port.

use std::sync::Arc;
use std::time::Duration;

use portcullis::server::{
    Limits, Readiness, Serving, Stage, Stats, Transport, admin, run, shutdown,
};
use prometheus::{IntCounter, Registry};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::server::harness::Client;

struct Admin {
    address: std::net::SocketAddr,
    drain: shutdown::Trigger,
    _own: shutdown::Trigger,
    _task: JoinSet<()>,
}

impl Admin {
    async fn start(limits: Limits) -> Self {
        let (drain, webhook) = shutdown::shutdown();
        let readiness = Readiness::default().and("certificate", || Ok(())).and(
            "draining",
            move || match webhook.stage() {
                Stage::Serving => Ok(()),
                Stage::Draining | Stage::Aborted => Err("shutting down".to_owned()),
            },
        );
        let registry = Registry::new();
        let counter = IntCounter::new("things_total", "Things.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Serving {
            app: admin::router(Arc::new(readiness), registry),
            transport: Transport::Plain,
            limits,
            stats: Arc::new(Stats::default()),
        };
        let (own, shutdown) = shutdown::shutdown();
        let mut task = JoinSet::new();
        task.spawn(run(listener, serving, shutdown));
        Self { address, drain, _own: own, _task: task }
    }

    async fn connect(&self) -> Client<TcpStream> {
        Client::over(TcpStream::connect(self.address).await.unwrap())
    }
}

#[tokio::test]
async fn probes_and_metrics() {
    let admin = Admin::start(Limits::admin()).await;
    let mut client = admin.connect().await;
    for path in ["/livez", "/healthz", "/readyz", "/readyz?verbosely"] {
        let answer = client.get(path).await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, "ok\n"), "{path}");
    }
    let verbose = "[+]certificate ok\n[+]draining ok\nreadyz check passed\n";
    for path in ["/readyz?verbose", "/readyz?verbose=true"] {
        assert_eq!(client.get(path).await.body, verbose);
    }
    let metrics = client.get("/metrics").await;
    assert!(metrics.body.contains("\nthings_total 1\n"), "{}", metrics.body);
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4"));
}

#[tokio::test]
async fn unready_as_soon_as_draining_begins() {
    let admin = Admin::start(Limits::admin()).await;
    let mut client = admin.connect().await;
    assert_eq!(client.get("/readyz").await.status(), 200);
    admin.drain.drain();
    let answer = client.get("/readyz").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(
        answer.body,
        "[+]certificate ok\n[-]draining failed: shutting down\nreadyz check failed\n"
    );
    assert_eq!(client.get("/livez").await.status(), 200);
}

#[tokio::test]
async fn nothing_else_is_there() {
    let admin = Admin::start(Limits::admin()).await;
    let mut client = admin.connect().await;
    assert_eq!(client.get("/validate").await.status(), 404);
    assert_eq!(client.get("/").await.status(), 404);
    let answer = client.post("/metrics", b"{}").await;
    assert_eq!(answer.status(), 405);
    assert!(answer.header("allow").unwrap().contains("GET"));
}

#[tokio::test]
async fn half_a_header_is_ended() {
    let head = Duration::from_millis(60);
    let admin = Admin::start(Limits { head, ..Limits::admin() }).await;
    let mut client = admin.connect().await;
    client.send("GET /li").await;
    client.ended().await;
}

#[test]
fn one_failure_makes_all_unready() {
    let readiness = Readiness::default()
        .and("certificate", || Ok(()))
        .and("namespaces", || Err("not\nsynced".to_owned()));
    let report = readiness.report();
    assert!(!report.is_ready());
    assert_eq!(
        report.to_string(),
        "[+]certificate ok\n[-]namespaces failed: not synced\nreadyz check failed\n"
    );
}

#[test]
fn no_condition_is_ready() {
    let report = Readiness::default().report();
    assert!(report.is_ready());
    assert_eq!(report.to_string(), "readyz check passed\n");
}
