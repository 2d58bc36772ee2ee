//! Enforce mode, with two replicas.

use serde_json::json;

use crate::objects::{compliant, pods, privileged};
use crate::support::cluster::{Cluster, PROGRAMS};
use crate::support::control_plane::Who;
use crate::support::namespaces::in_namespaces;

#[test]
fn pods_are_denied_and_hardened_by_two_replicas() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        let mut values = cluster.existing_secret().await;
        values["mode"] = json!("enforce");
        cluster.install(&values).await;

        let developer = cluster.user(Who::Developer).await;
        let strict = cluster
            .namespace("strict", &[("pod-security.kubernetes.io/enforce", "restricted")])
            .await;
        let denied = developer.create(&pods(&strict), &privileged("bad")).await;
        assert_eq!(denied.code, 403, "{:#}", denied.body);
        developer.create(&pods(&strict), &compliant("good")).await.granted();
    });
}
