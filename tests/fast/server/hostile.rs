//! Attacks by untrusted clients, and honest clients at the same time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::server::Limits;
use tokio::time::sleep;

use crate::server::harness::{Client, Server, eventually, head, limits};

const SHORT: Duration = Duration::from_millis(60);

#[tokio::test]
async fn plain_text_on_the_tls_port_ends_the_connection() {
    let server = Server::start(limits()).await;
    let mut client = Client::over(server.tcp().await);
    client.send("GET /hello HTTP/1.1\r\n\r\n").await;
    assert!(client.answer().await.is_none());
    let failed = || server.stats.failed_handshakes.load(Ordering::Relaxed);
    eventually("a failed handshake", || failed() == 1).await;
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn http_2_is_not_agreed_on() {
    let server = Server::start(limits()).await;
    assert!(server.try_connect(&[b"h2"]).await.is_err());
    let both = server.try_connect(&[b"h2", b"http/1.1"]).await.unwrap();
    let agreed = both.stream.get_ref().1.alpn_protocol();
    assert_eq!(agreed, Some(&b"http/1.1"[..]));
    assert_eq!(server.try_connect(&[]).await.unwrap().get("/hello").await.status(), 200);
}

#[tokio::test]
async fn http_2_without_asking_is_refused() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(client.answer().await.is_none());
}

#[tokio::test]
async fn a_handshake_that_stalls_is_ended() {
    let server = Server::start(Limits { handshake: SHORT, ..limits() }).await;
    let mut silent = Client::over(server.tcp().await);
    let mut slow = Client::over(server.tcp().await);
    slow.send(b"\x16\x03\x01").await;
    silent.ended().await;
    slow.ended().await;
    assert!(server.stats.timed_out.load(Ordering::Relaxed) >= 2);
}

#[tokio::test]
async fn half_a_header_is_ended() {
    let server = Server::start(Limits { head: SHORT, ..limits() }).await;
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.1\r\nHost: ").await;
    client.ended().await;
}

/// The deadline starts with the first byte: further bytes do not extend it.
#[tokio::test]
async fn a_header_that_drips_is_ended() {
    let server = Server::start(Limits { head: 4 * SHORT, ..limits() }).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/hello").await.status(), 200);
    for byte in b"GET /hello HTTP/1.1\r\nX: ".iter().chain([b'x'; 2000].iter()) {
        if client.try_send([*byte]).await.is_err() {
            return;
        }
        sleep(SHORT / 6).await;
    }
    panic!("still reading");
}

#[tokio::test]
async fn a_body_that_drips_is_an_error_to_the_handler_and_ends() {
    let server = Server::start(Limits { body: SHORT, ..limits() }).await;
    let mut client = server.connect().await;
    client.send(head("/echo", 1000)).await;
    client.send("some of it").await;
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.body, "the request's body did not come in time");
    client.ended().await;
    assert_eq!(server.app.intake.used(), 0);
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_to_the_handler() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    client.send(head("/echo", 1000)).await;
    client.send("some of it").await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status(), 400);
    client.ended().await;
}

#[tokio::test]
async fn a_bad_chunk_is_an_error_to_the_handler() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
        .await;
    assert_eq!(client.answer().await.unwrap().status(), 400);
    client.ended().await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_is_ended() {
    let server = Server::start(Limits { answer: SHORT, ..limits() }).await;
    let mut client = server.connect().await;
    let body = vec![b'x'; 32 << 20];
    client.send(head("/echo", body.len() as u64)).await;
    client.send(&body).await;
    let open = || server.stats.connections.load(Ordering::Relaxed);
    eventually("the connection is ended", || open() == 0).await;
    assert_eq!(server.stats.timed_out.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_huge_header_is_refused() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    let line = format!("GET /hello HTTP/1.1\r\nX: {}", "x".repeat(200_000));
    // The server may close before it has read everything.
    let _ = client.try_send(line).await;
    if let Some(answer) = client.answer().await {
        assert_eq!(answer.status(), 431);
    }
}

#[tokio::test]
async fn odd_requests_do_no_harm() {
    let server = Server::start(limits()).await;
    for request in [
        "CONNECT example.org:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http://example.org/hello HTTP/1.1\r\nHost: example.org\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        "BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        "POST /hello HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        "GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(request).await;
        let answer = client.answer().await.expect(request);
        assert!((200..500).contains(&answer.status()), "{request}{answer:?}");
    }
    for garbage in [
        "\r\n\r\n\0\0\r\n\r\n",
        "GET /hello HTTP/9.9\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(garbage).await;
        if let Some(answer) = client.answer().await {
            assert_eq!(answer.status(), 400, "{garbage}");
        }
        client.ended().await;
    }
    assert_eq!(server.stats.panics.load(Ordering::Relaxed), 0);
}

/// With a Content-Length too, chunked encoding applies, and nothing after the request is taken as another one.
#[tokio::test]
async fn a_request_of_two_lengths_is_the_last_of_its_connection() {
    let server = Server::start(limits()).await;
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let mut client = server.connect().await;
        client
            .send(format!(
                "POST /echo HTTP/1.1\r\nHost: h\r\n{lengths}\r\n\r\n0\r\n\r\n\
                 GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
            ))
            .await;
        let answer = client.answer().await.unwrap();
        assert!(answer.closes());
        assert_eq!(answer.body, "");
        assert!(client.answer().await.is_none());
    }
}
