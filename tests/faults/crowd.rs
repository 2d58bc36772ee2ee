//! Many slow connections from untrusted clients.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::{
    footprint, quantiles, report, scale,
    support::{
        client::{Client, head},
        control_plane::ControlPlane,
        portcullis::Portcullis,
    },
};

const REVIEW: &[u8] = include_bytes!("../reviews/realistic_12k.json");

#[tokio::test]
async fn dawdlers_do_not_keep_others_waiting() {
    crowd(Duration::from_secs(scale(1, 30))).await;
}

/// Their cost is their handshakes, and they share the processors with the server here.
#[tokio::test]
async fn nor_do_those_who_come_again_at_once() {
    crowd(Duration::from_secs(1)).await;
}

/// Many slow clients, which reconnect after this time.
async fn crowd(again: Duration) {
    let Ok(plane) = ControlPlane::shared() else { return };
    let server = Portcullis::start(plane, None, &[]).await;
    let crowd = scale(300, 5000);
    let lasts = Duration::from_secs(scale(3, 60));

    let mut quiet = honest(&server, lasts / 3).await;
    let (memory, _) = footprint(&server).await;
    let mut dawdlers = JoinSet::new();
    for index in 0..crowd {
        dawdlers.spawn(dawdle(
            address(&server),
            server.serving.authority_pem.clone(),
            index,
            again,
        ));
    }
    // All clients are connected, and the evicted ones reconnect.
    sleep(lasts / 3).await;
    let mut beside = honest(&server, lasts).await;
    let (crowded, descriptors) = footprint(&server).await;
    dawdlers.shutdown().await;

    let ((p50, p99, _), (p50_beside, p99_beside, worst)) =
        (quantiles(&mut quiet), quantiles(&mut beside));
    report(
        &format!("{crowd} dawdling connections, again after {} s", again.as_secs()),
        &format!(
            "{} honest requests, 0 failed; p50 {p50:.1} -> {p50_beside:.1} ms, p99 {p99:.1} -> {p99_beside:.1} ms, \
             longest {worst:.1} ms; memory {memory:.0} -> {crowded:.0} MB, {descriptors:.0} descriptors",
            beside.len()
        ),
    );
    assert!(descriptors < 1200.0, "{descriptors}");
    assert!(crowded < memory + 150.0, "{memory} -> {crowded} MB");
}

/// Sends requests over a kept and over a new connection, in turn. Each response must be correct.
async fn honest(server: &Portcullis, lasts: Duration) -> Vec<Duration> {
    let (address, ca) = (address(server), &server.serving.authority_pem);
    let mut kept = Client::connect(address, ca, &[]).await.unwrap();
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < lasts {
        for _ in 0..9 {
            let asked = Instant::now();
            assert_eq!(kept.post("/validate", REVIEW).await.status(), 200);
            times.push(asked.elapsed());
            sleep(Duration::from_millis(5)).await;
        }
        let asked = Instant::now();
        let mut new = Client::connect(address, ca, &[]).await.unwrap();
        assert_eq!(new.post("/validate", REVIEW).await.status(), 200);
        times.push(asked.elapsed());
    }
    times
}

/// Sends one byte per second of a handshake, a header or a body, or nothing. Reconnects when evicted.
async fn dawdle(address: SocketAddr, ca: String, index: u32, again: Duration) {
    loop {
        let _ = dawdle_once(address, &ca, index % 4).await;
        sleep(again).await;
    }
}

async fn dawdle_once(address: SocketAddr, ca: &str, how: u32) -> std::io::Result<()> {
    let second = Duration::from_secs(1);
    if how < 2 {
        let mut stream = TcpStream::connect(address).await?;
        // The beginning of a ClientHello, or silence.
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".iter().cycle().take(300) {
            if how == 1 {
                stream.write_all(&[*byte]).await?;
            }
            sleep(second).await;
        }
        return Ok(());
    }
    let mut client = Client::connect(address, ca, &[]).await?;
    let all = head("/validate", 100_000) + &" ".repeat(300);
    let (sent, rest) = all.split_at(if how == 2 { 5 } else { head("/validate", 100_000).len() });
    client.try_send(sent).await?;
    for byte in rest.bytes() {
        client.try_send([byte]).await?;
        sleep(second).await;
    }
    Ok(())
}

fn address(server: &Portcullis) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, server.port))
}
