//! Shutdown, from the perspective of kube-apiserver.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::server::shutdown::{self, Signals};
use portcullis::server::{Limits, Stage};

use crate::server::harness::{Server, eventually, limits};

const SHORT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn every_answer_of_a_draining_server_closes_its_connection() {
    let mut server = Server::start(limits()).await;
    let mut idle = server.connect().await;
    assert!(!idle.get("/hello").await.closes());
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let in_flight = |server: &Server| server.stats.in_flight.load(Ordering::Relaxed);
    eventually("a request in flight", || in_flight(&server) == 1).await;

    server.trigger.drain();
    let mut late = server.connect().await;
    let answer = late.get("/hello").await;
    assert_eq!(answer.status(), 200, "new connections are served");
    assert!(answer.closes());
    late.ended().await;

    assert!(idle.is_open().await, "an idle one is left alone");
    assert!(idle.get("/hello").await.closes(), "and served");
    idle.ended().await;

    assert!(!server.is_finished(), "a request is open");
    server.app.go.notify_one();
    assert!(busy.answer().await.unwrap().closes());
    busy.ended().await;
    server.finished().await;
}

#[tokio::test]
async fn idle_connections_end_after_a_time_of_their_own() {
    let limits = Limits { idle_in_drain: SHORT, ..limits() };
    let mut server = Server::start(limits).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.get("/hello").await.status(), 200);
    server.trigger.drain();
    assert!(idle.is_open().await);
    assert!(!server.is_finished());
    idle.ended().await;
    server.finished().await;
}

#[tokio::test]
async fn the_grace_time_ends_everything() {
    let limits = Limits { drain_at_most: SHORT, ..limits() };
    let mut server = Server::start(limits).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.trigger.drain();
    server.finished().await;
    idle.ended().await;
    busy.ended().await;
    assert_eq!(server.stats.in_flight.load(Ordering::Relaxed), 0);
    assert_eq!(server.stats.connections.load(Ordering::Relaxed), 0);
}

/// The API server connects until it learns that the endpoint is gone.
#[tokio::test]
async fn without_a_connection_it_still_waits_for_new_ones() {
    let limits = Limits { drain_at_least: SHORT, ..limits() };
    let mut server = Server::start(limits).await;
    server.trigger.drain();
    let mut late = server.connect().await;
    assert!(late.get("/hello").await.closes());
    late.ended().await;
    server.finished().await;
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn aborting_waits_for_nothing() {
    let mut server = Server::start(limits()).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.trigger.drain();
    server.trigger.abort();
    server.finished().await;
    busy.ended().await;
}

#[tokio::test]
async fn stages_only_go_forward() {
    let (trigger, mut shutdown) = shutdown::shutdown();
    assert_eq!(shutdown.stage(), Stage::Serving);
    trigger.drain();
    assert_eq!(shutdown.changed().await, Stage::Draining);
    trigger.abort();
    trigger.drain();
    assert_eq!(shutdown.changed().await, Stage::Aborted);
    assert_eq!(shutdown.stage(), Stage::Aborted);
}

#[tokio::test]
async fn the_first_signal_drains_and_the_second_aborts() {
    let signals = Signals::catch().unwrap();
    let (trigger, mut shutdown) = shutdown::shutdown();
    let raise = |name: &str| {
        let line = format!("kill -{name} {}", std::process::id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    };
    let watch = async {
        raise("TERM");
        assert_eq!(shutdown.changed().await, Stage::Draining);
        raise("INT");
        assert_eq!(shutdown.changed().await, Stage::Aborted);
    };
    tokio::join!(signals.pull(&trigger), watch);
}
