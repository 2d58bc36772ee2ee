//! Users who create pods while the server is changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{
    cluster::Cluster,
    control_plane::Who,
    objects::{compliant, pods},
    user::User,
};

/// A user who creates pods continuously.
pub(crate) struct Creates {
    over: Arc<AtomicBool>,
    /// The number of requests, and the wrong responses.
    work: JoinSet<(usize, Vec<String>)>,
}

impl Creates {
    pub(crate) async fn start(cluster: &Cluster, namespace: &str) -> Self {
        let (over, mut work) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        let developer = cluster.user(Who::Developer).await;
        let path = format!("{}?dryRun=All", pods(namespace));
        work.spawn(create(developer, path, Arc::clone(&over)));
        Self { over, work }
    }

    pub(crate) async fn end_without_a_failure(self) {
        self.over.store(true, Ordering::SeqCst);
        for (count, failures) in self.work.join_all().await {
            assert!(count > 0);
            assert_eq!(failures, [""; 0], "of {count}");
        }
    }
}

async fn create(developer: User, path: String, over: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut count, mut failures) = (0, Vec::new());
    while !over.load(Ordering::SeqCst) {
        count += 1;
        let answer = developer.create(&path, &compliant("good")).await;
        if answer.code != 201 {
            failures.push(format!("{}: {}", answer.code, answer.message()));
        }
        sleep(Duration::from_millis(20)).await;
    }
    (count, failures)
}
