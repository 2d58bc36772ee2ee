//! All replicas are down.

use std::time::Duration;

use crate::{
    install::{RESTRICTED, enforcing},
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        helm::RELEASE,
        namespaces::in_namespaces,
        nodelet::Restarts,
        objects::{await_verdict, compliant, plain, pods},
        wait::{PATIENCE, until},
    },
};

#[test]
fn pods_are_refused_excluded_namespaces_work_and_it_recovers_by_itself() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let developer = cluster.user(Who::Developer).await;
        let admin = cluster.user(Who::Admin).await;
        let strict = cluster.namespace("strict", RESTRICTED).await;

        cluster.set_restarts(Restarts::Held);
        for replica in cluster.replicas() {
            replica.kill9();
        }

        // With unreachable endpoints, and without any.
        let refused = developer.create(&pods(&strict), &compliant("early")).await;
        assert_eq!(refused.code, 500, "{:#}", refused.body);
        until("no endpoint to be left", PATIENCE, async || {
            (cluster.endpoints(&admin).await == 0).then_some(())
        })
        .await;
        let (path, late) = (pods(&strict), compliant("late"));
        let create = developer.create(&path, &late);
        let refused = tokio::time::timeout(Duration::from_secs(30), create).await.unwrap();
        assert_eq!(refused.code, 500, "{:#}", refused.body);
        let message = refused.message();
        assert!(message.contains("failed calling webhook \"enforce.portcullis.dev\""), "{message}");
        for namespace in [RELEASE, "kube-system"] {
            let path = format!("{}?dryRun=All", pods(namespace));
            until(&format!("a pod in {namespace}"), PATIENCE, async || {
                (admin.create(&path, &plain("exempt")).await.code == 201).then_some(())
            })
            .await;
        }
        // Requests whose webhooks only advise continue.
        cluster.namespace("made-while-down", &[]).await;

        // Like nodes that come back, and a user who deletes the pods.
        cluster.set_restarts(Restarts::Usual);
        cluster.ready(2).await;
        await_verdict(&developer, &strict, &compliant("again"), 201).await;
        for replica in cluster.replicas() {
            let pod = format!("{}/{}", pods(RELEASE), replica.name());
            admin.delete(&format!("{pod}?gracePeriodSeconds=0")).await.granted();
        }
        until("new replicas", PATIENCE, async || {
            cluster.replicas().iter().all(|replica| replica.restarts() == 0).then_some(())
        })
        .await;
        cluster.ready(2).await;
        await_verdict(&developer, &strict, &compliant("again"), 201).await;
    });
}
