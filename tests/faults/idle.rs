//! Connections that the API server keeps, with gaps between the requests. It sends a request only once: a
//! connection that closes as the request arrives would give the user an error.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{
    RESTRICTED, report, scale,
    support::{
        control_plane::{ControlPlane, Who},
        objects::{pods, privileged},
        portcullis::Portcullis,
    },
};

#[tokio::test]
async fn gaps_between_requests_reset_nothing() {
    let Ok(plane) = ControlPlane::shared() else { return };
    let gaps = scale(vec![1, 2, 3], vec![5, 29, 31, 60, 89, 90, 91, 95, 119, 120, 121]);
    let lasts = Duration::from_secs(scale(6, 600));

    // A server for each gap, so that each has its own connections of the API server.
    let mut tests = JoinSet::new();
    for &gap in &gaps {
        let server = Portcullis::start(plane, None, &[]).await;
        let namespace = server.namespace(plane, "idle", RESTRICTED).await;
        let user = plane.user(Who::Developer).await;
        tests.spawn(async move {
            let gap = Duration::from_secs(gap);
            let path = format!("{}?dryRun=All", pods(&namespace));
            let mut requests = 0;
            while gap * requests < lasts {
                let answer = user.create(&path, &privileged("idle")).await;
                assert_eq!(answer.code, 403, "after {gap:?}: {:#}", answer.body);
                requests += 1;
                sleep(gap).await;
            }
            drop(server);
            requests
        });
    }
    let requests: u32 = tests.join_all().await.iter().sum();
    report("idle gaps", &format!("{requests} requests after gaps of {gaps:?} s: 0 resets"));
}
