//! A namespace and a bad pod, sent one right after the other: our server may not have
//! heard of the namespace yet, and must not admit the pod for that.

use tokio::task::JoinSet;

use crate::mirror_pods::mirror;
use crate::objects::{pods, privileged};
use crate::support::control_plane::{Who, namespace, unique_name};
use crate::{RESTRICTED, assert_denied, standard};

const NAMESPACES: usize = 1000;
const AT_ONCE: usize = 16;

#[tokio::test]
async fn no_pod_slips_into_a_new_namespace() {
    let Ok((plane, server)) = standard().await else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    let mut racing = JoinSet::new();
    let mut denied = 0;

    for _ in 0..NAMESPACES {
        if racing.len() == AT_ONCE {
            racing.join_next().await.unwrap().unwrap();
            denied += 1;
        }
        let admin = admin.clone();
        let name = unique_name("race");
        let object = namespace(&name, &server.with_own_label(RESTRICTED));
        // Other pods must wait for the namespace's service account, which takes longer
        // than our server's watch.
        let bad = mirror(&privileged("bad"));
        racing.spawn(async move {
            admin.create("/api/v1/namespaces", &object).await.granted();
            let answer = admin.create(&pods(&name), &bad).await;
            assert_denied(&answer, "bad", "restricted:latest");
        });
    }
    while let Some(raced) = racing.join_next().await {
        raced.unwrap();
        denied += 1;
    }

    assert_eq!(denied, NAMESPACES);
}
