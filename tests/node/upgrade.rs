//! `helm upgrade` replaces our pods while users create pods.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{
    release::{SERVER, values},
    setup::{APP, NodeSetup, are_ready},
    support::{
        control_plane::Who,
        helm::RELEASE,
        objects::{pod, pods},
        skip::say,
        user::User,
        wait::{PATIENCE, until},
    },
};

/// The number of users that create pods at the same time, on separate connections.
const CREATORS: usize = 4;

pub(crate) async fn upgrades_cause_no_failed_requests(setup: &NodeSetup) {
    let namespace = setup.strict("load", &[]).await;
    let path = format!("{}?dryRun=All", pods(&namespace));
    let before = names(setup).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for _ in 0..CREATORS {
        let developer = setup.plane.user(Who::Developer).await;
        load.spawn(create(developer, path.clone(), Arc::clone(&over)));
    }

    let start = Instant::now();
    upgrade(setup);
    gone(setup, &before).await;
    say(&format!("helm upgrade --wait, until the old pods are gone: {:?}", start.elapsed()));
    over.store(true, Ordering::SeqCst);

    let created = load.join_all().await;
    let (count, failures) = created.into_iter().fold((0, Vec::new()), |(count, failures), one| {
        (count + one.0, [failures, one.1].concat())
    });
    say(&format!("pods created meanwhile: {count}, failed: {}", failures.len()));
    assert!(count > 100, "that was no load: {count}");
    assert_eq!(failures, [""; 0]);
    let after = names(setup).await;
    assert!(after.iter().all(|name| !before.contains(name)), "{before:?}, {after:?}");
}

/// Creates pods until the end. Returns their number, and the errors. All must be hardened.
async fn create(developer: User, path: String, over: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let container = json!({"name": "app", "image": APP});
    let plain = pod("plain", &json!({"containers": [container]}));
    let (mut count, mut failures) = (0, Vec::new());
    while !over.load(Ordering::SeqCst) {
        count += 1;
        let answer = developer.create(&path, &plain).await;
        let is_hardened = answer.body["spec"]["securityContext"]["runAsNonRoot"] == true;
        if answer.code != 201 || !is_hardened {
            failures.push(format!("{}: {}", answer.code, answer.message()));
        }
        sleep(Duration::from_millis(20)).await;
    }
    (count, failures)
}

fn upgrade(setup: &NodeSetup) {
    let mut values = values();
    values["podAnnotations"] = json!({"revision": "2"});
    tokio::task::block_in_place(|| setup.helm.upgrade(&values, &["--wait", "--timeout=180s"]));
}

/// Waits until none of these pods is left; they drain.
async fn gone(setup: &NodeSetup, before: &[String]) {
    until("the old pods to be gone", 3 * PATIENCE, async || {
        let list = setup.admin.get(&pods(RELEASE)).await.granted();
        let items = list["items"].as_array().unwrap();
        let is_old =
            |pod: &Value| before.iter().any(|name| pod["metadata"]["name"] == name.as_str());
        (!items.iter().any(is_old)).then_some(())
    })
    .await;
}

async fn names(setup: &NodeSetup) -> Vec<String> {
    let ready = |pods: &[Value]| are_ready(pods, 2);
    let pods = setup.pods("two pods", RELEASE, SERVER, ready).await;
    pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}
