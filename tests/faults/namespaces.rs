//! Many namespaces that are relabelled continuously.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::{
    footprint, quantiles, report, scale,
    support::{
        client::Client,
        control_plane::{BuiltInPodSecurity, ControlPlane, Who, namespace},
        portcullis::Portcullis,
        user::User,
    },
};

const LABEL: &str = "pod-security.kubernetes.io/enforce";

#[tokio::test]
async fn relabelling_is_heard_at_once_among_many_namespaces() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else { return };
    // No service accounts are needed here.
    plane.stop_controllers();
    let (count, a_second) = scale((300, 50), (10_000, 500));
    let relabelled = Duration::from_secs(scale(3, 30));
    let admin = plane.user(Who::Admin).await;
    make(&admin, count).await;

    let started = Instant::now();
    let mut server = Portcullis::launch(&plane, None, &[]);
    server.wait_ready().await;
    let ready = started.elapsed();
    let (at_start, _) = footprint(&server).await;

    let (mut staleness, final_levels) = relabel(&admin, &server, count, a_second, relabelled).await;
    let (after, _) = footprint(&server).await;
    sleep(Duration::from_secs(1)).await;
    let mut judge = Judge::new(&server).await;
    let mut wrong = 0;
    for (index, is_privileged) in final_levels.iter().enumerate() {
        wrong += usize::from(judge.admits(&name(index)).await != *is_privileged);
    }

    let changes = staleness.len();
    let (p50, p99, worst) = quantiles(&mut staleness);
    report(
        &format!("{count} namespaces, relabelled at {a_second}/s"),
        &format!(
            "ready in {:.2} s, {at_start:.0} MB, {after:.0} MB after; {changes} changes measured: stale for {p50:.1} ms \
             (p50), {p99:.1} ms (p99), {worst:.1} ms (longest); {wrong} wrong verdicts of {count} at the end",
            ready.as_secs_f64()
        ),
    );
    assert_eq!(wrong, 0);
    assert!(after < 100.0, "{after} MB");
}

fn name(index: usize) -> String {
    format!("n-{index}")
}

/// Creates privileged namespaces.
async fn make(admin: &User, count: usize) {
    let mut making = JoinSet::new();
    for index in 0..count {
        let admin = admin.clone();
        if making.len() >= 32 {
            making.join_next().await.unwrap().unwrap();
        }
        making.spawn(async move {
            let object = namespace(&name(index), &[(LABEL, "privileged"), ("team", "shop")]);
            admin.create("/api/v1/namespaces", &object).await.granted();
        });
    }
    making.join_all().await;
}

/// Changes one namespace after the other. Every tenth is queried until the server knows the change. Returns the delays
/// after the API server's response, and the final labels.
async fn relabel(
    admin: &User,
    server: &Portcullis,
    count: usize,
    a_second: u32,
    lasts: Duration,
) -> (Vec<Duration>, Vec<bool>) {
    let judges = Arc::new(tokio::sync::Mutex::new(Vec::new()));
    let mut levels = vec![true; count];
    let mut ticks = interval(Duration::from_secs(1) / a_second);
    let mut changing: JoinSet<Option<Duration>> = JoinSet::new();
    let start = Instant::now();
    let mut staleness = Vec::new();
    for turn in 0.. {
        if start.elapsed() > lasts {
            break;
        }
        ticks.tick().await;
        // Two changes of one namespace never overlap, because their order would be unknown.
        let index = turn % count;
        if index == 0 {
            staleness.extend(changing.join_all().await.into_iter().flatten());
            changing = JoinSet::new();
        }
        levels[index] = !levels[index];
        let is_privileged = levels[index];
        let (admin, judges) = (admin.clone(), Arc::clone(&judges));
        let fresh = if turn % 10 == 0 && judges.lock().await.is_empty() {
            Some(Judge::new(server).await)
        } else {
            None
        };
        changing.spawn(async move {
            let level = if is_privileged { "privileged" } else { "restricted" };
            let patch = json!({"metadata": {"labels": {LABEL: level}}});
            let path = format!("/api/v1/namespaces/{}", name(index));
            // etcd is sometimes slow at this rate.
            while admin.merge(&path, &patch).await.code != 200 {}
            if turn % 10 != 0 {
                return None;
            }
            let changed = Instant::now();
            let pooled = judges.lock().await.pop();
            let mut judge = fresh.or(pooled)?;
            while judge.admits(&name(index)).await != is_privileged {
                sleep(Duration::from_millis(1)).await;
            }
            let stale = changed.elapsed();
            judges.lock().await.push(judge);
            Some(stale)
        });
    }
    staleness.extend(changing.join_all().await.into_iter().flatten());
    (staleness, levels)
}

/// Sends reviews directly to the server.
struct Judge(Client<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>);

impl Judge {
    async fn new(server: &Portcullis) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
        Self(Client::connect(address, &server.serving.authority_pem, &[]).await.unwrap())
    }

    /// Whether a privileged pod is admitted to this namespace.
    async fn admits(&mut self, namespace: &str) -> bool {
        let mut review: Value =
            serde_json::from_str(include_str!("../../src/cli/serve/samples/denied.json")).unwrap();
        review["request"]["namespace"] = json!(namespace);
        let answer = self.0.post("/validate", review.to_string().as_bytes()).await;
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        answer["response"]["allowed"].as_bool().unwrap()
    }
}
