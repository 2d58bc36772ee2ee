//! A flood of handshakes does not affect honest clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use portcullis::server::Limits;
use tokio::task::JoinSet;

use crate::server::harness::{Client, Server, limits};

const FLOODERS: usize = 8;

/// Some finish their handshake and leave, some leave in the middle, some send garbage.
#[tokio::test]
async fn a_flood_of_handshakes_keeps_no_honest_client_out() {
    let server = Server::start(Limits { handshakes: 16, ..limits() }).await;
    let (over, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut flooders = JoinSet::new();
    for number in 0..FLOODERS {
        let (over, made) = (Arc::clone(&over), Arc::clone(&made));
        let (address, ca) = (server.address, server.ca.clone());
        flooders.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                if number % 2 == 0 {
                    let _ = Client::connect(address, &ca, &[b"http/1.1"]).await;
                } else if let Ok(stream) = tokio::net::TcpStream::connect(address).await {
                    let beginning: &[u8] =
                        if number % 4 == 1 { b"\x16\x03\x01\x02\x00" } else { b"GET /" };
                    let _ = Client::over(stream).try_send(beginning).await;
                }
                made.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // One keeps its connection, as the API server does; one opens a new connection each time.
    let mut kept = server.connect().await;
    let mut asked = 0;
    while asked < 100 || made.load(Ordering::Relaxed) < 500 {
        assert_eq!(kept.get("/hello").await.status(), 200);
        if asked % 10 == 0 {
            assert_eq!(server.connect().await.get("/hello").await.status(), 200);
        }
        asked += 1;
    }
    over.store(true, Ordering::Relaxed);
    flooders.shutdown().await;
    assert_eq!(server.stats.panics.load(Ordering::Relaxed), 0);
}
