//! On one processor, requests are answered in time during the largest possible reviews.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{
    hostile::{EVERYTHING, containers, escapes, lists_of_ports, long_path, pod},
    report, scale,
    support::{
        client::Client, portcullis::Portcullis, process::is_installed, skip::Skip,
        stub::StubCluster,
    },
};

const MIB: usize = 1 << 20;
/// The maximum response time of all other requests.
const BOUND: Duration = Duration::from_millis(250);
const HONEST: &str = include_str!("../../src/cli/serve/samples/denied.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_small_reviews_are_answered_during_the_largest_one() {
    let Some(processor) = first_processor().filter(|_| is_installed("taskset")) else {
        let _ = Skip::needs_if_present("taskset, to hold the server to one processor");
        return;
    };
    let stub = StubCluster::start(Vec::new()).await;
    let one = ["taskset", "-c", &processor].map(str::to_owned);
    let flags = ["--memory-limit=268435456", "--log-level=warn"];
    let mut server = Portcullis::launch_in(&one, &stub.kubeconfig(), Some(EVERYTHING), &flags);
    server.wait_ready().await;

    // Just below 40 MiB, the largest review with 256 MiB of memory.
    let bytes = scale(4, 39) * MIB;
    let ports = |room: usize| lists_of_ports(15, (room / 15).saturating_sub(640 << 10));
    for (kind, spec) in [
        ("escapes and text", escapes(bytes)),
        ("16,384 containers", containers(bytes)),
        ("15 lists of 16,384 host ports", ports(bytes)),
        ("a mount path", long_path(bytes)),
    ] {
        let review = pod(&spec);
        assert!(review.len() <= 40 * MIB, "{kind}: {} bytes", review.len());
        for hook in ["/validate", "/mutate"] {
            beside(&server, kind, hook, &review).await;
        }
    }
}

async fn beside(server: &Portcullis, kind: &str, hook: &'static str, review: &[u8]) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let ca = &server.serving.authority_pem;
    let mut large = Client::connect(address, ca, &[]).await.unwrap();
    let mut small = Client::connect(address, ca, &[]).await.unwrap();
    let honest = HONEST.replace("\"shop\"", "\"web\"");
    let size = review.len();
    let review = review.to_vec();
    let mut asking = JoinSet::new();
    asking.spawn(async move {
        let started = Instant::now();
        let answer = large.post(hook, &review).await;
        assert_eq!(answer.status(), 200, "{}", answer.body);
        started.elapsed()
    });
    let (mut health, mut reviews) = (Vec::new(), Vec::new());
    let took = loop {
        if let Some(took) = asking.try_join_next() {
            break took.unwrap();
        }
        let started = Instant::now();
        let (code, _) = server.page("/livez").await.unwrap();
        assert_eq!(code, 200);
        health.push(started.elapsed());
        let started = Instant::now();
        let answer = small.post("/validate", honest.as_bytes()).await;
        reviews.push(started.elapsed());
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer["response"]["status"]["code"], 403, "{answer:#}");
    };
    let longest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    let (health_longest, review_longest) = (longest(&health), longest(&reviews));
    report(
        &format!("one processor, {kind} in {:.1} MiB to {hook}", size as f64 / MIB as f64),
        &format!(
            "answered after {:.0} ms; meanwhile {} times `/livez`, longest {:.0} ms, and as many small reviews, longest {:.0} ms",
            took.as_secs_f64() * 1000.0,
            health.len(),
            health_longest.as_secs_f64() * 1000.0,
            review_longest.as_secs_f64() * 1000.0,
        ),
    );
    // The short form runs in a debug build, in parallel with other tests.
    let bound = BOUND * scale(40, 1);
    assert!(health_longest <= bound, "{health_longest:?} for /livez");
    assert!(review_longest <= bound, "{review_longest:?} for a small review");
}

/// The first processor that this process may use.
fn first_processor() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let digits: String = list.trim().chars().take_while(char::is_ascii_digit).collect();
    Some(digits).filter(|digits| !digits.is_empty())
}
