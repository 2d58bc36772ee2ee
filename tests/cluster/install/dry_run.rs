//! Dry run, the chart's default.

use serde_json::json;

use crate::{
    install::{RESTRICTED, counted},
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        namespaces::in_namespaces,
        nodelet::Restarts,
        objects::{plain, pods, privileged},
    },
};

#[test]
fn nothing_is_denied_and_all_of_it_is_reported() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&json!({})).await;
        let developer = cluster.user(Who::Developer).await;
        let strict = cluster.namespace("strict", RESTRICTED).await;

        let bad = developer.create(&pods(&strict), &privileged("bad")).await;
        let unset = developer.create(&pods(&strict), &plain("plain")).await;

        let line = r#"PodSecurity "restricted:latest""#;
        assert!(bad.warnings.iter().any(|warning| warning.contains(line)), "{bad:?}");
        bad.granted();
        assert_eq!(unset.granted()["spec"]["securityContext"], json!({}));
        let mut denials = 0.0;
        for replica in cluster.replicas() {
            let start = r#"pod_security_evaluations_total{decision="deny",mode="enforce""#;
            denials += counted(&replica, start).await;
        }
        assert!(denials >= 1.0, "what would have been denied is counted");
        let logs = cluster.replicas().iter().map(|replica| replica.log()).collect::<String>();
        assert!(logs.contains(&strict), "what would have been denied is logged:\n{logs}");

        // Installing it breaks nothing, even if the server is down.
        cluster.set_restarts(Restarts::Held);
        for replica in cluster.replicas() {
            replica.kill9();
        }
        developer.create(&pods(&strict), &plain("unjudged")).await.granted();
    });
}
