//! Shutdown: pending requests are answered, then the process ends.

use crate::support::{
    server::{DENIED, Server},
    wait::{PATIENCE, until},
};

#[tokio::test]
async fn a_signal_drains_it() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]).await;
        assert_eq!(server.page("/readyz").await.status(), 200);
        let mut open = server.connect().await;
        assert!(!open.post("/validate", DENIED.as_bytes()).await.closes());

        server.signal(signal);

        let page = until("/readyz to say no", PATIENCE, async || {
            let page = server.page("/readyz").await;
            (page.status() == 503).then_some(page.body)
        });
        let page = page.await;
        assert!(page.contains("[-]draining failed: the server is stopping"), "{page}");
        assert_eq!(server.page("/livez").await.status(), 200);
        let mut new = server.connect().await;
        for connection in [&mut new, &mut open] {
            let answer = connection.post("/validate", DENIED.as_bytes()).await;
            assert_eq!(answer.status(), 200);
            assert!(answer.closes(), "{}", answer.head);
            connection.ended().await;
        }
        assert_eq!(server.ended().await.code(), Some(0));
        assert!(server.log().iter().any(|line| line["message"] == "stopped serving"));
    }
}

#[tokio::test]
async fn the_second_signal_waits_for_nothing() {
    let mut server = Server::start(&[]).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.post("/validate", DENIED.as_bytes()).await.status(), 200);

    server.signal("TERM");
    server.logged("draining: another signal ends it at once").await;
    assert!(!server.has_ended(), "a connection is open");
    assert!(idle.is_open().await);
    server.signal("TERM");

    assert_eq!(server.ended().await.code(), Some(0));
    assert!(server.log().iter().any(|line| line["message"] == "second signal: ending now"));
    idle.ended().await;
}

#[tokio::test]
async fn a_drain_ends_with_its_grace_time() {
    let mut server = Server::start(&["--drain-grace=1"]).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.post("/validate", DENIED.as_bytes()).await.status(), 200);

    server.signal("TERM");

    assert_eq!(server.ended().await.code(), Some(0));
    idle.ended().await;
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let mut server = Server::start(&[]).await;
    let file = server.ca_file();
    assert!(file.exists());

    server.signal("TERM");

    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!file.exists());
}
