//! Draining nodes: the chart's PodDisruptionBudget evicts one replica after the other, and never blocks for a replica
//! that does not work.

use serde_json::json;

use crate::{
    install::{creates::Creates, enforcing},
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        helm::RELEASE,
        namespaces::in_namespaces,
        objects::pods,
        user::User,
        wait::{PATIENCE, until},
    },
};

#[test]
fn a_drain_takes_one_replica_after_the_other_and_nobody_notices() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let admin = cluster.user(Who::Admin).await;
        let old = cluster.replicas();
        until("the budget to allow one", PATIENCE, async || {
            (allowed(&admin).await? == 1).then_some(())
        })
        .await;
        let namespace = cluster.namespace("load", &[]).await;
        let creates = Creates::start(&cluster, &namespace).await;

        assert_eq!(evict(&admin, old[0].name()).await, 201);
        assert_eq!(evict(&admin, old[1].name()).await, 429, "both at once");
        until("the other to be let go", PATIENCE, async || {
            (evict(&admin, old[1].name()).await == 201).then_some(())
        })
        .await;

        cluster.rolled_out().await;
        creates.end_without_a_failure().await;
        let names: Vec<String> = old.iter().map(|replica| replica.name().to_owned()).collect();
        assert!(cluster.replicas().iter().all(|new| !names.contains(&new.name().to_owned())));
    });
}

#[test]
fn replicas_that_do_not_work_keep_no_node_from_being_drained() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let admin = cluster.user(Who::Admin).await;
        let hung = cluster.replicas();
        hung.iter().for_each(|replica| replica.stop());
        until("the budget to allow none", PATIENCE, async || {
            (allowed(&admin).await? == 0 && !hung.iter().any(|replica| replica.is_ready()))
                .then_some(())
        })
        .await;

        // Immediately, or once the API server knows that they are not ready; never without AlwaysAllow.
        for replica in &hung {
            until("an eviction", PATIENCE, async || {
                (evict(&admin, replica.name()).await == 201).then_some(())
            })
            .await;
        }
    });
}

async fn evict(admin: &User, pod: &str) -> u16 {
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    admin.create(&format!("{}/{pod}/eviction", pods(RELEASE)), &eviction).await.code
}

/// The number of evictions that the budget allows now.
async fn allowed(admin: &User) -> Option<u64> {
    let path = format!("/apis/policy/v1/namespaces/{RELEASE}/poddisruptionbudgets/{RELEASE}");
    admin.get(&path).await.body["status"]["disruptionsAllowed"].as_u64()
}
