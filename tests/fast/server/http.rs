//! Requests of well-behaved clients.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::server::harness::{Client, Server, eventually, head, limits, roots};

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        let answer = client.get("/hello").await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, "hello\n"));
        assert!(!answer.closes());
    }
    assert_eq!(server.stats.connections.load(Ordering::Relaxed), 1);
    assert_eq!(client.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn bodies_come_back_as_they_were() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    for size in [0, 1, 100, 8191, 8192, 12_000, 70_000, 1_000_000] {
        let body: Vec<u8> = (0..size).map(|n| b'a' + (n % 23) as u8).collect();
        let answer = client.post("/echo", &body).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.body.as_bytes() == body, "{size} bytes");
    }
    eventually("budget free again", || server.app.intake.used() == 0).await;
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_order() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    let one = [head("/echo", 3).as_bytes(), b"one"].concat();
    let two = [head("/echo", 3).as_bytes(), b"two"].concat();
    client.send([one, two].concat()).await;
    assert_eq!(client.answer().await.unwrap().body, "one");
    assert_eq!(client.answer().await.unwrap().body, "two");
    assert_eq!(client.get("/hello").await.body, "hello\n");
}

#[tokio::test]
async fn a_chunked_body_is_read_and_ends_the_connection() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.body, "abcde");
    assert!(answer.closes());
    client.ended().await;
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_lives() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    let answer = client.get("/panic").await;
    assert_eq!(answer.status(), 500);
    assert!(answer.closes());
    client.ended().await;
    assert_eq!(server.stats.panics.load(Ordering::Relaxed), 1);
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn requests_in_flight_are_counted() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let in_flight = || server.stats.in_flight.load(Ordering::Relaxed);
    eventually("a request in flight", || in_flight() == 1).await;
    server.app.go.notify_one();
    assert_eq!(client.answer().await.unwrap().body, "waited\n");
    eventually("none in flight", || in_flight() == 0).await;
}

#[tokio::test]
async fn a_peer_that_leaves_cancels_its_request() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let in_flight = || server.stats.in_flight.load(Ordering::Relaxed);
    eventually("a request in flight", || in_flight() == 1).await;
    drop(client);
    eventually("none in flight", || in_flight() == 0).await;
    eventually("no connection", || server.stats.connections.load(Ordering::Relaxed) == 0).await;
}

/// The header deadline must not run while no request has begun (hyper's does).
#[tokio::test]
async fn an_idle_connection_outlives_the_header_deadline() {
    let mut limits = limits();
    limits.head = Duration::from_millis(40);
    let server = Server::start(limits).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/hello").await.status(), 200);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(client.get("/hello").await.status(), 200);
}

/// A handler may take longer than all deadlines of the peer.
#[tokio::test]
async fn a_slow_handler_is_not_cut_off() {
    let mut limits = limits();
    let short = Duration::from_millis(40);
    (limits.head, limits.body, limits.answer) = (short, short, short);
    let server = Server::start(limits).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    tokio::time::sleep(5 * short).await;
    server.app.go.notify_one();
    assert_eq!(client.answer().await.unwrap().status(), 200);
}

#[tokio::test]
async fn idle_connections_are_closed_with_a_goodbye() {
    let mut limits = limits();
    limits.idle = Duration::from_millis(40);
    let server = Server::start(limits).await;
    let mut used = server.connect().await;
    assert_eq!(used.get("/hello").await.status(), 200);
    // An end without TLS close_notify would be an error here.
    let mut piece = [0; 8];
    let end = tokio::io::AsyncReadExt::read(&mut used.stream, &mut piece).await;
    assert_eq!(end.unwrap(), 0);
    server.connect().await.ended().await;
}

#[tokio::test]
async fn tls_1_2_and_post_quantum_1_3_are_spoken() {
    let server = Server::start(limits()).await;
    let client = server.connect().await;
    let session = client.stream.get_ref().1;
    assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let group = session.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);

    let old = rustls::ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS12]);
    let config = old.with_root_certificates(roots(&server.ca)).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let stream = connector.connect(name, server.tcp().await).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    assert_eq!(Client::over(stream).get("/hello").await.status(), 200);
}
