//! Bodies that are too large, too many, or different from what they announce.

use portcullis::server::BodyLimits;

use crate::server::harness::{Server, eventually, head, limits};

#[tokio::test]
async fn a_body_too_large_is_read_to_its_end_and_denied() {
    let server = Server::start(limits()).await;
    let mut client = server.connect().await;
    let mebibyte = vec![b'{'; 1 << 20];
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for sent in 1..=60 {
        client.send("100000\r\n").await;
        client.send(&mebibyte).await;
        client.send("\r\n").await;
        // The kernel's buffers also hold some.
        if sent > 52 {
            assert_eq!(server.app.intake.used(), 0, "after {sent} MiB");
        }
    }
    client.send("0\r\n\r\n").await;
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.body,
        format!("denied: over {}, 4096 bytes kept: {}\n", 40 << 20, "{".repeat(20))
    );
}

#[tokio::test]
async fn a_body_announced_too_large_is_never_kept() {
    let bodies = BodyLimits { largest: 1000, head: 10, ..BodyLimits::default() };
    let server = Server::with(limits(), bodies).await;
    let mut client = server.connect().await;
    let body = [b"0123456789abc".as_slice(), &vec![b'x'; 100_000]].concat();
    let answer = client.post("/echo", &body).await;
    assert_eq!(answer.body, "denied: over 1000, 10 bytes kept: 0123456789\n");
    assert_eq!(client.get("/hello").await.status(), 200, "the connection goes on");
}

#[tokio::test]
async fn no_end_of_a_body_is_waited_for() {
    let bodies = BodyLimits { largest: 1000, discard: 200_000, ..BodyLimits::default() };
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
    assert_eq!(holder.answer().await.unwrap().body, format!("{}\n", large.len()));
    eventually("budget free again", || server.app.intake.used() == 0).await;
    assert_eq!(client.post("/echo", &large).await.status(), 200);
}
