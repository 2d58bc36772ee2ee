//! Reviews that need much memory, in control groups with the limit of a replica.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{
    hostile::{
        EVERYTHING, containers, escapes, lists_of_ports, long_name, long_path, pod, stored_pod,
        sysctls, tightened,
    },
    report, scale,
    support::{
        client::Client,
        control_group::MemoryGroup,
        portcullis::Portcullis,
        stub::{Pods, StubCluster},
    },
};

pub(crate) const MIB: usize = 1 << 20;
/// Concurrent clients, each with a separate address.
const CLIENTS: usize = 8;
/// A pod of an honest client that violates baseline.
const HONEST: &str = include_str!("../../src/cli/serve/samples/denied.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_reviews_kill_no_replica_of_256_mib() {
    attack(256).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_reviews_kill_no_replica_of_128_mib() {
    attack(128).await;
}

async fn attack(limit: usize) {
    let Ok(group) = MemoryGroup::new(limit * MIB) else { return };
    let stub = StubCluster::start(namespaces()).await;
    let flags = [format!("--memory-limit={}", limit * MIB), "--log-level=warn".to_owned()];
    let flags = flags.each_ref().map(String::as_str);
    let config = Some(EVERYTHING);
    let mut server = Portcullis::launch_in(&group.enter(), &stub.kubeconfig(), config, &flags);
    server.wait_ready().await;

    let updates = run(&server, scans(), "web").await;
    let (peak_of_updates, listed) = (group.peak(), stub.sent.load(Ordering::Relaxed));
    let all = run(&server, inputs(scale(24, 100)), "web").await;
    let peak_of_all = group.peak();
    let largest = largest(scale(2 * MIB, (limit / 4).min(39) * MIB));
    let largest = run(&server, largest, "web").await;
    let in_mib = |bytes: Option<usize>| {
        bytes.map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes / MIB))
    };
    report(
        &format!("hostile reviews, {CLIENTS} at once, in a control group of {limit} MiB"),
        &format!(
            "{} updates of namespaces at once: {:?}, {} MiB of pods listed, peak {}; {} reviews of A1 to A4: {:?}, \
             peak {}; {} of the largest that are taken: {:?}, peak {}; {} kills; {} honest reviews meanwhile, longest \
             {:.0} ms",
            updates.sent,
            updates.codes,
            listed >> 20,
            in_mib(peak_of_updates),
            all.sent,
            all.codes,
            in_mib(peak_of_all),
            largest.sent,
            largest.codes,
            in_mib(group.peak()),
            group.kills(),
            updates.honest.len() + all.honest.len() + largest.honest.len(),
            updates.longest().max(all.longest()).max(largest.longest()).as_secs_f64() * 1000.0,
        ),
    );
    assert_eq!(group.kills(), 0);
    assert!(!server.has_ended(), "{}", server.log_tail());
    assert!(!updates.honest.is_empty() && !all.honest.is_empty(), "honest ones are answered");
    assert!(listed > 0);
    for seen in [updates, all, largest] {
        // The server responds with 503 if there is no memory left; the API server retries.
        assert!(seen.codes.keys().all(|code| matches!(code, 200 | 503)), "{:?}", seen.codes);
        assert!(seen.codes[&200] > 0);
    }
}

/// Namespaces with 64 MiB of pods each, of every size.
fn namespaces() -> Vec<Pods> {
    let full = |namespace, bytes: usize| Pods {
        namespace,
        count: 64 * MIB / bytes,
        pod: stored_pod(bytes),
    };
    vec![
        full("ordinary", 8 << 10),
        full("large", 128 << 10),
        full("huge", 3 * MIB / 2),
        // Escaped characters, such as Go's `<`, take six times their stored size.
        full("escaped", 6 * MIB),
    ]
}

fn scans() -> Vec<Arc<[u8]>> {
    ["ordinary", "large", "huge", "escaped"].map(|name| tightened(name).into()).to_vec()
}

/// The inputs A1 to A4, in turn.
fn inputs(count: usize) -> Vec<Arc<[u8]>> {
    let one = format!(r#"{{"containers":[{}]}}"#, long_name(75_000, 9_000));
    let mut kinds: Vec<Arc<[u8]>> = [
        one,
        lists_of_ports(scale(2, 5), 1),
        sysctls(),
        long_path(scale(1, 3) * MIB),
        long_path(scale(2, 20) * MIB),
    ]
    .map(|spec| pod(&spec).into())
    .to_vec();
    kinds.extend(scans());
    kinds.into_iter().cycle().take(count).collect()
}

/// Reviews of this size with as many violations as possible, to both hooks.
fn largest(bytes: usize) -> Vec<Arc<[u8]>> {
    let name = (bytes / 15).saturating_sub(640 << 10);
    let specs = [containers(bytes), lists_of_ports(15, name), long_path(bytes), escapes(bytes)];
    let reviews = specs.iter().map(|spec| Arc::<[u8]>::from(pod(spec)));
    reviews.flat_map(|review| [Arc::clone(&review), review]).collect()
}

/// The results of some reviews.
pub(crate) struct Seen {
    pub(crate) sent: usize,
    pub(crate) codes: BTreeMap<u16, usize>,
    /// The first warning of each response, if any.
    pub(crate) warnings: Vec<String>,
    /// The response times of honest requests during the reviews.
    pub(crate) honest: Vec<Duration>,
}

impl Seen {
    pub(crate) fn longest(&self) -> Duration {
        self.honest.iter().max().copied().unwrap_or_default()
    }
}

/// Sends all reviews with this concurrency to both hooks in turn, and honest ones at the same time, about pods that the
/// policy of this namespace denies.
pub(crate) async fn run(
    server: &Portcullis,
    reviews: Vec<Arc<[u8]>>,
    honest_namespace: &str,
) -> Seen {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let ca: Arc<str> = server.serving.authority_pem.as_str().into();
    let sent = reviews.len();
    let (reviews, next) = (Arc::new(reviews), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let source = Ipv4Addr::new(127, 0, 1, u8::try_from(client).unwrap() + 1);
        let (reviews, next, ca) = (Arc::clone(&reviews), Arc::clone(&next), Arc::clone(&ca));
        clients.spawn(async move {
            let mut answers = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(review) = reviews.get(index) else { return answers };
                let hook = ["/validate", "/mutate"][index % 2];
                let mut client = Client::connect_from(source, address, &ca).await.unwrap();
                let answer = client.post(hook, review).await;
                let mut warning = None;
                if answer.status() == 200 {
                    let answer: Value = serde_json::from_str(&answer.body).unwrap();
                    assert_eq!(answer["response"]["uid"], "1");
                    warning = answer["response"]["warnings"][0].as_str().map(str::to_owned);
                }
                answers.push((answer.status(), warning));
            }
        });
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let honest = {
        let is_over = Arc::clone(&is_over);
        let mut client = Client::connect(address, &ca, &[]).await.unwrap();
        let review = HONEST.replace("\"shop\"", &format!("\"{honest_namespace}\""));
        async move {
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let started = Instant::now();
                let answer = client.post("/validate", review.as_bytes()).await;
                times.push(started.elapsed());
                let answer: Value = serde_json::from_str(&answer.body).unwrap();
                assert_eq!(answer["response"]["status"]["code"], 403, "{answer:#}");
            }
            times
        }
    };
    let attack = async {
        let all = clients.join_all().await;
        is_over.store(true, Ordering::Relaxed);
        all
    };
    let (all, honest) = tokio::join!(attack, honest);
    let mut codes = BTreeMap::<u16, usize>::new();
    let mut warnings = Vec::new();
    for (code, warning) in all.into_iter().flatten() {
        *codes.entry(code).or_default() += 1;
        warnings.extend(warning);
    }
    Seen { sent, codes, warnings, honest }
}
