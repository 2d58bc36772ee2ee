//! What a stranger may try, and what an honest client still gets meanwhile.

use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::server::{BodyLimits, Limits};
use tokio::time::sleep;

use crate::harness::{Client, Server, eventually, head, limits};

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
    assert_eq!(
        server
            .try_connect(&[])
            .await
            .unwrap()
            .get("/hello")
            .await
            .status(),
        200
    );
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
    let server = Server::start(Limits {
        handshake: SHORT,
        ..limits()
    })
    .await;
    let mut silent = Client::over(server.tcp().await);
    let mut slow = Client::over(server.tcp().await);
    slow.send(b"\x16\x03\x01").await;
    silent.ended().await;
    slow.ended().await;
    assert!(server.stats.timed_out.load(Ordering::Relaxed) >= 2);
}

#[tokio::test]
async fn half_a_header_is_ended() {
    let server = Server::start(Limits {
        head: SHORT,
        ..limits()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.1\r\nHost: ").await;
    client.ended().await;
}

/// The deadline runs from the first byte: more bytes do not buy time.
#[tokio::test]
async fn a_header_that_drips_is_ended() {
    let server = Server::start(Limits {
        head: 4 * SHORT,
        ..limits()
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/hello").await.status(), 200);
    for byte in b"GET /hello HTTP/1.1\r\nX: "
        .iter()
        .chain([b'x'; 2000].iter())
    {
        if client.try_send([*byte]).await.is_err() {
            return;
        }
        sleep(SHORT / 6).await;
    }
    panic!("still reading");
}

#[tokio::test]
async fn a_body_that_drips_is_an_error_to_the_handler_and_ends() {
    let server = Server::start(Limits {
        body: SHORT,
        ..limits()
    })
    .await;
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
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream)
        .await
        .unwrap();
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
    let server = Server::start(Limits {
        answer: SHORT,
        ..limits()
    })
    .await;
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
    // The server may close before it has read all of it.
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

/// With a length as well, chunked counts, and nothing after the request is taken for another.
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

#[tokio::test]
async fn one_too_many_evicts_the_connection_idle_longest() {
    // Connections are looked at each 50 ms then, which is how well it knows who was idle longest.
    let tick = Duration::from_millis(50);
    let server = Server::start(Limits {
        connections: 2,
        head: 4 * tick,
        ..limits()
    })
    .await;
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
    let server = Server::start(Limits {
        connections: 1,
        ..limits()
    })
    .await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let in_flight = || server.stats.in_flight.load(Ordering::Relaxed);
    eventually("a request in flight", || in_flight() == 1).await;
    let (busy, newcomer) = tokio::join!(
        async {
            sleep(SHORT).await;
            server.app.go.notify_one();
            busy.answer().await.unwrap()
        },
        async { server.connect().await.get("/hello").await }
    );
    assert_eq!((busy.status(), newcomer.status()), (200, 200));
}

#[tokio::test]
async fn when_none_is_idle_the_one_that_stalls_longest_is_evicted() {
    let server = Server::start(Limits {
        connections: 3,
        ..limits()
    })
    .await;
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
    let server = Server::start(Limits {
        handshakes: 2,
        ..limits()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(Client::over(server.tcp().await));
    }
    assert_eq!(server.connect().await.get("/hello").await.status(), 200);
    silent[0].ended().await;
    assert!(server.stats.handshakes.load(Ordering::Relaxed) <= 2);
}

#[tokio::test]
async fn a_body_too_large_is_read_to_its_end_and_denied() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    let mebibyte = vec![b'{'; 1 << 20];
    client
        .send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    for sent in 1..=60 {
        client.send("100000\r\n").await;
        client.send(&mebibyte).await;
        client.send("\r\n").await;
        // What is on its way besides: the kernel's buffers.
        if sent > 52 {
            assert_eq!(server.app.intake.used(), 0, "after {sent} MiB");
        }
    }
    client.send("0\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.body,
        format!(
            "denied: over {}, 4096 bytes kept: {}\n",
            40 << 20,
            "{".repeat(20)
        )
    );
}

#[tokio::test]
async fn a_body_announced_too_large_is_never_kept() {
    let bodies = BodyLimits {
        largest: 1000,
        head: 10,
        ..BodyLimits::default()
    };
    let server = Server::with(limits(), bodies).await;
    let mut client = server.connect().await;
    let body = [b"0123456789abc".as_slice(), &vec![b'x'; 100_000]].concat();
    let answer = client.post("/echo", &body).await;
    assert_eq!(
        answer.body,
        "denied: over 1000, 10 bytes kept: 0123456789\n"
    );
    assert_eq!(
        client.get("/hello").await.status(),
        200,
        "the connection goes on"
    );
}

#[tokio::test]
async fn no_end_of_a_body_is_waited_for() {
    let bodies = BodyLimits {
        largest: 1000,
        discard: 200_000,
        ..BodyLimits::default()
    };
    let server = Server::with(limits(), bodies).await;
    let mut client = server.connect().await;
    client.send(head("/echo", 1 << 40)).await;
    client.send(vec![b'x'; 300_000]).await;
    let answer = client.answer().await.unwrap();
    assert!(answer.body.starts_with("denied"));
    client.ended().await;
}

#[tokio::test]
async fn an_announced_length_reserves_nothing() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    client.send(head("/echo", 40 << 20)).await;
    client.send(vec![b'x'; 100_000]).await;
    eventually("some of it", || server.app.intake.used() >= 100_000).await;
    assert!(server.app.intake.used() <= 256 << 10);
    drop(client);
    eventually("budget free again", || server.app.intake.used() == 0).await;
}

#[tokio::test]
async fn large_bodies_that_fill_the_budget_leave_small_ones_alone() {
    let bodies = BodyLimits {
        budget: 300 << 10,
        reserve: 64 << 10,
        small: 16 << 10,
        ..BodyLimits::default()
    };
    let server = Server::with(limits(), bodies).await;
    let large = [b"wait".as_slice(), &vec![b'x'; 200 << 10]].concat();
    let small = vec![b'x'; 15 << 10];
    let mut holder = server.connect().await;
    holder.send(head("/length", large.len() as u64)).await;
    holder.send(&large).await;
    eventually("the large one", || server.app.intake.used() >= large.len()).await;

    let mut client = server.connect().await;
    let answer = client.post("/echo", &large).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("retry-after"), Some("0"));
    assert!(answer.closes());
    client.ended().await;

    let mut client = server.connect().await;
    assert_eq!(client.post("/echo", &small).await.status(), 200);
    server.app.go.notify_one();
    assert_eq!(
        holder.answer().await.unwrap().body,
        format!("{}\n", large.len())
    );
    eventually("budget free again", || server.app.intake.used() == 0).await;
    assert_eq!(client.post("/echo", &large).await.status(), 200);
}
