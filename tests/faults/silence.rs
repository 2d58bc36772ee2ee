//! The network between the server and the API server drops all packets without closing connections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::{
    RESTRICTED, report, scale,
    support::{
        control_plane::{ControlPlane, Who},
        objects::{await_verdict, pods, privileged},
        portcullis::Portcullis,
        process::Folder,
        user::User,
        wait::until,
    },
};

const LENIENT: &[(&str, &str)] = &[("pod-security.kubernetes.io/enforce", "privileged")];
/// Longer than any step takes, even on a busy machine.
const LONG: Duration = Duration::from_secs(180);

/// What happens to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Up,
    /// They are accepted but not forwarded.
    Frozen,
    /// Existing connections are dead forever, new ones work.
    Rerouted,
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_and_recovered_from() {
    let Ok(plane) = ControlPlane::shared() else { return };
    let folder = Folder::new("silence");
    let (network, state) = watch::channel(Network::Up);
    let (kubeconfig, _proxy) = proxied(plane, &folder, state).await;
    let mut server = Portcullis::launch_by(&kubeconfig, None, &[]);
    server.wait_ready().await;
    server.register(plane).await;
    let admin = plane.user(Who::Admin).await;
    let strict = server.namespace(plane, "silent-strict", RESTRICTED).await;
    let lenient = server.namespace(plane, "silent-lenient", LENIENT).await;
    let bad = privileged("bad");
    await_verdict(&admin, &strict, &bad, 403).await;
    await_verdict(&admin, &lenient, &bad, 201).await;

    network.send(Network::Frozen).unwrap();
    let tighten =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    admin.merge(&format!("/api/v1/namespaces/{lenient}"), &tighten).await.granted();
    let dry_run = |namespace: &str| format!("{}?dryRun=All", pods(namespace));
    // Known labels still apply, pods in unknown namespaces are denied, and the metric shows it.
    let outage = Instant::now();
    while outage.elapsed() < Duration::from_secs(scale(3, 10)) {
        assert_eq!(admin.create(&dry_run(&strict), &bad).await.code, 403);
        assert_eq!(admin.create(&dry_run(&lenient), &bad).await.code, 201);
        sleep(Duration::from_millis(200)).await;
    }
    let unknown = server.namespace(plane, "silent-unknown", LENIENT).await;
    assert_eq!(admin.create(&dry_run(&unknown), &bad).await.code, 500);
    assert!(silence(&server).await >= 3.0);
    assert_eq!(server.page("/readyz").await.unwrap().0, 200, "it serves what it knows");

    // Like after a failover: sent data is lost without an error. In the short form it is only delayed.
    network.send(scale(Network::Up, Network::Rerouted)).unwrap();
    let rerouted = Instant::now();
    until("the changed label to be heard", LONG, async || {
        (admin.create(&dry_run(&lenient), &bad).await.code == 403).then_some(())
    })
    .await;
    let heard = rerouted.elapsed();
    await_code(&admin, &dry_run(&unknown), 201).await;
    report(
        "the network swallows everything",
        &format!(
            "verdicts from what was known; a changed label heard {:.1} s after the network was back, {:.1} s after \
             the change{}",
            heard.as_secs_f64(),
            outage.elapsed().as_secs_f64(),
            scale("", ", over connections that nobody ever closed")
        ),
    );
}

async fn await_code(admin: &User, path: &str, code: u16) {
    until("what was unknown to be known", LONG, async || {
        (admin.create(path, &privileged("bad")).await.code == code).then_some(())
    })
    .await;
}

async fn silence(server: &Portcullis) -> f64 {
    let (_, page) = server.page("/metrics").await.unwrap();
    let name = "portcullis_namespace_cache_age_seconds ";
    page.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

/// A connection to the API server that the test can interrupt, and a kubeconfig for it.
async fn proxied(
    plane: &ControlPlane,
    folder: &Folder,
    state: watch::Receiver<Network>,
) -> (PathBuf, JoinSet<()>) {
    let text = std::fs::read_to_string(plane.kubeconfig(Who::Portcullis)).unwrap();
    let (before, rest) = text.split_once("https://").unwrap();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !".:".contains(c)).unwrap();
    let api: SocketAddr = rest[..end].parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let text = format!("{before}https://{own}{}", &rest[end..]);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let state = state.clone();
            connections.spawn(async move {
                let Ok(far) = TcpStream::connect(api).await else { return };
                let dies = *state.borrow() != Network::Rerouted;
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::join!(
                    pass(near_read, far_write, state.clone(), dies),
                    pass(far_read, near_write, state, dies),
                );
            });
        }
    });
    (folder.write("kubeconfig", &text), tasks)
}

/// Forwards data while the network is up.
async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<Network>,
    dies: bool,
) {
    let mut piece = vec![0; 16 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut piece).await else { return };
        let works = |network: &Network| match network {
            Network::Up => true,
            Network::Frozen => false,
            Network::Rerouted => !dies,
        };
        if state.wait_for(works).await.is_err() || to.write_all(&piece[..count]).await.is_err() {
            return;
        }
    }
}
