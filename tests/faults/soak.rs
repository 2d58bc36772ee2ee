//! Long load with continuously changing labels. Sends requests directly to the server; `replicas.rs` covers load
//! through the API server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::{
    RESTRICTED, footprint, report, scale,
    support::{
        client::Client,
        control_plane::{ControlPlane, Who},
        portcullis::Portcullis,
    },
};

/// The number of parallel connections.
const CALLERS: u64 = 10;
/// The number of requests per connection.
const KEPT: u64 = 100;

#[tokio::test]
async fn memory_and_descriptors_stay_flat() {
    let Ok(plane) = ControlPlane::shared() else { return };
    let server = Portcullis::start(plane, None, &[]).await;
    let namespace = server.namespace(plane, "soak", RESTRICTED).await;
    let churned = server.namespace(plane, "churn", &[]).await;
    let admin = plane.user(Who::Admin).await;
    let (a_second, warm_up, lasts) = scale((50, 2, 6), (200, 120, 1200));

    let asked = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let caller = Caller { address: address(&server), ca: server.serving.authority_pem.clone() };
        let period = Duration::from_secs(1) * u32::try_from(CALLERS).unwrap() / a_second;
        callers.spawn(caller.ask(review(&namespace), period, Arc::clone(&asked)));
    }
    sleep(Duration::from_secs(warm_up)).await;
    let (memory, descriptors) = footprint(&server).await;
    let (mut highest, mut most) = (memory, descriptors);
    let (start, mut changes) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_secs(lasts) {
        let level = if changes % 2 == 0 { "baseline" } else { "restricted" };
        let labels =
            json!({"pod-security.kubernetes.io/enforce": level, "change": changes.to_string()});
        let path = format!("/api/v1/namespaces/{churned}");
        // etcd is sometimes slow on a busy machine.
        while admin.merge(&path, &json!({"metadata": {"labels": labels}})).await.code != 200 {}
        changes += 1;
        sleep(Duration::from_millis(100)).await;
        let (memory, descriptors) = footprint(&server).await;
        (highest, most) = (highest.max(memory), most.max(descriptors));
        // A caller only ends after a wrong response.
        assert!(callers.try_join_next().is_none());
    }
    let (memory_after, descriptors_after) = footprint(&server).await;
    callers.shutdown().await;

    report(
        &format!("soak: {lasts} s at {a_second}/s, {changes} label changes"),
        &format!(
            "{} reviews, each answered right; memory {memory:.1} -> {memory_after:.1} MB (at most {highest:.1}), \
             descriptors {descriptors:.0} -> {descriptors_after:.0} (at most {most:.0})",
            asked.load(Ordering::Relaxed)
        ),
    );
    assert!(memory_after < memory * 1.25 + 5.0, "{memory} -> {memory_after} MB");
    assert!(descriptors_after < descriptors + 30.0, "{descriptors} -> {descriptors_after}");
}

struct Caller {
    address: SocketAddr,
    ca: String,
}

impl Caller {
    /// Sends requests endlessly. Each response must be a denial.
    async fn ask(self, review: String, period: Duration, asked: Arc<AtomicU64>) {
        let mut ticks = interval(period);
        loop {
            let mut connection = Client::connect(self.address, &self.ca, &[]).await.unwrap();
            for _ in 0..KEPT {
                ticks.tick().await;
                let answer = connection.post("/validate", review.as_bytes()).await;
                let answer: Value = serde_json::from_str(&answer.body).unwrap();
                assert_eq!(answer["response"]["allowed"], false, "{answer}");
                asked.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A realistic pod, in a namespace that denies it.
fn review(namespace: &str) -> String {
    let mut review: Value =
        serde_json::from_str(include_str!("../reviews/realistic_12k.json")).unwrap();
    review["request"]["namespace"] = json!(namespace);
    review["request"]["object"]["spec"]["hostNetwork"] = json!(true);
    review.to_string()
}

fn address(server: &Portcullis) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, server.port))
}
