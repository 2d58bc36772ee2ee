//! More connections than the limit.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::server::Limits;
use tokio::time::sleep;

use crate::server::harness::{Client, Server, eventually, limits};

#[tokio::test]
async fn one_too_many_evicts_the_connection_idle_longest() {
    // Connections are checked every 50 ms, which is the precision of their idle time.
    let tick = Duration::from_millis(50);
    let server = Server::start(Limits { connections: 2, head: 4 * tick, ..limits() }).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    assert_eq!(first.get("/hello").await.status(), 200);
    assert_eq!(second.get("/hello").await.status(), 200);
    sleep(4 * tick).await;
    assert_eq!(first.get("/hello").await.status(), 200);
    sleep(4 * tick).await;

    let mut third = server.connect().await;
    assert_eq!(third.get("/hello").await.status(), 200);
    second.ended().await;
    assert_eq!(first.get("/hello").await.status(), 200);
    assert_eq!(server.stats.evicted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_with_a_request_is_never_evicted() {
    let server = Server::start(Limits { connections: 1, ..limits() }).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let in_flight = || server.stats.in_flight.load(Ordering::Relaxed);
    eventually("a request in flight", || in_flight() == 1).await;
    let (busy, newcomer) = tokio::join!(
        async {
            sleep(Duration::from_millis(60)).await;
            server.app.go.notify_one();
            busy.answer().await.unwrap()
        },
        async { server.connect().await.get("/hello").await }
    );
    assert_eq!((busy.status(), newcomer.status()), (200, 200));
}

#[tokio::test]
async fn when_none_is_idle_the_one_that_stalls_longest_is_evicted() {
    let server = Server::start(Limits { connections: 3, ..limits() }).await;
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.send("GET /he").await;
        stalled.push(client);
    }
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);
    assert!(server.stats.evicted.load(Ordering::Relaxed) >= 1);
}

#[tokio::test]
async fn silent_handshakes_do_not_keep_others_out() {
    let server = Server::start(Limits { handshakes: 2, ..limits() }).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(Client::over(server.tcp().await));
    }
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);
    silent[0].ended().await;
    assert!(server.stats.handshakes.load(Ordering::Relaxed) <= 2);
}

/// All at once, as after a restart of all API servers.
#[tokio::test]
async fn two_hundred_connections_at_once_are_all_served() {
    let server = Server::start(limits()).await;
    let all = (0..200).map(|_| async {
        let mut client = server.connect().await;
        client.get("/hello").await.status()
    });
    let statuses = futures::future::join_all(all).await;
    assert!(statuses.iter().all(|&status| status == 200));
    assert_eq!(server.stats.evicted.load(Ordering::Relaxed), 0);
}

/// In a separate process, because file descriptors belong to the process.
#[test]
fn running_out_of_descriptors_is_survived() {
    let test = "server::crowds::with_few_descriptors";
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 48 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    assert!(stdout.contains("1 passed"), "{stdout}");
}

#[tokio::test]
#[ignore = "started by running_out_of_descriptors_is_survived"]
async fn with_few_descriptors() {
    let server = Server::start(limits()).await;
    let mut first = server.connect().await;
    let mut crowd = Vec::new();
    let error = loop {
        match tokio::net::TcpStream::connect(server.address).await {
            Ok(stream) => crowd.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(24), "too many open files");
    sleep(Duration::from_millis(100)).await;
    // The descriptors for one connection, on both sides; the server may have used some.
    crowd.truncate(crowd.len() - 3);
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);
    // The first one was idle and may have been closed to make room, which is not an error.
    let _ = first.try_send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await;
    if let Some(answer) = first.answer().await {
        assert_eq!(answer.status(), 200);
    }
}
