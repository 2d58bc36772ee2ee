//! More and larger reviews than fit into memory.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::{
    client::Client,
    control_group::MemoryGroup,
    process::Folder,
    server::{DENIED, Server, ask},
};

const LIMIT: usize = 64 << 20;
const REVIEWS: usize = 48;
/// The size of each review, in bytes. All together exceed the limit more than ten times.
const SIZE: usize = 14 << 20;

fn serve(group: Option<&MemoryGroup>) -> Command {
    let program = env!("CARGO_BIN_EXE_portcullis").to_owned();
    let words = group.map(MemoryGroup::enter).unwrap_or_default().into_iter().chain([program]);
    let words: Vec<_> = words.collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["serve", "--standalone", "--secure-port=0", "--admin-port=0"]);
    command.arg(format!("--memory-limit={LIMIT}")).env_remove("KUBERNETES_SERVICE_HOST");
    command
}

/// A review of that size, mostly an annotation, with fields in the order of the API server.
fn large() -> Vec<u8> {
    let annotations = format!(r#""metadata":{{"annotations":{{"a":"{}"}},"#, "<".repeat(SIZE));
    let review = DENIED.replacen(r#""metadata":{"#, &annotations, 1);
    assert!(review.len() > SIZE);
    review.into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_reviews_are_shed_and_small_ones_served_within_the_limit() {
    // Without one the kernel does not enforce the limit.
    let group = MemoryGroup::new(LIMIT).ok();
    let server = Server::run(Folder::new("memory"), serve(group.as_ref())).await;
    let (address, ca) = (server.secure, server.ca());
    let body = Arc::new(large());
    let all_sent = Arc::new(AtomicBool::new(false));

    let mut reviews = JoinSet::new();
    for _ in 0..REVIEWS {
        let (body, ca) = (Arc::clone(&body), ca.clone());
        reviews.spawn(async move {
            let mut client = Client::connect(address, &ca, &[]).await.unwrap();
            let answer = client.post("/validate", &body).await;
            (answer.status(), answer.header("retry-after").map(str::to_owned))
        });
    }
    let small = {
        let (all_sent, mut connection) = (Arc::clone(&all_sent), server.connect().await);
        async move {
            let mut served = 0;
            while !all_sent.load(Ordering::Relaxed) {
                let response = ask(&mut connection, "/validate", DENIED).await;
                assert_eq!(response["status"]["code"], 403, "{response:#}");
                served += 1;
            }
            served
        }
    };
    let large = async {
        let answers = reviews.join_all().await;
        all_sent.store(true, Ordering::Relaxed);
        answers
    };
    let (answers, served) = tokio::join!(large, small);

    let (mut judged, mut shed) = (0, 0);
    for (status, retry_after) in answers {
        match status {
            200 => judged += 1,
            503 => {
                assert_eq!(retry_after.as_deref(), Some("0"));
                shed += 1;
            }
            status => panic!("{status}"),
        }
    }
    let peak = group.as_ref().and_then(MemoryGroup::peak);
    eprintln!("{judged} judged, {shed} shed, {served} small ones served, peak {peak:?} bytes");
    assert!(shed > 0, "they would not fit");
    assert!(served > 0);
    assert_eq!(server.page("/livez").await.status(), 200, "it lives");
    // The server still judges requests.
    let again = Client::connect(address, &ca, &[]).await.unwrap().post("/validate", &body).await;
    assert_eq!(again.status(), 200, "{}", again.body);
    drop(server);
}

#[tokio::test]
async fn a_review_larger_than_the_limit_allows_is_denied() {
    let flags = [format!("--memory-limit={}", 32 << 20)];
    let server = Server::start(&flags.each_ref().map(String::as_str)).await;

    let answer = server.connect().await.post("/validate", &large()).await;

    let review: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(review["response"]["status"]["code"], 413, "{}", answer.body);
}
