//! Replicas are added and removed as nodes and users do it, which the fault tests rely on; the server is called
//! throughout.

use std::time::Duration;

use crate::{
    install::enforcing,
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        namespaces::in_namespaces,
        nodelet::network::Link,
        objects::{await_verdict, compliant, pods},
        wait::{PATIENCE, until},
    },
};

#[test]
fn they_are_killed_hung_cut_off_scaled_and_replaced() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let admin = cluster.user(Who::Admin).await;

        let killed = &cluster.replicas()[0];
        let before = killed.pid();
        killed.kill9();
        until("a restart", PATIENCE, async || (killed.restarts() == 1).then_some(())).await;
        cluster.ready(2).await;
        assert_ne!(killed.pid(), before);

        let hung = &cluster.replicas()[1];
        hung.stop();
        until("one endpoint", PATIENCE, async || {
            (cluster.endpoints(&admin).await == 1).then_some(())
        })
        .await;
        hung.cont();
        cluster.ready(2).await;
        hung.set_link(Link::Cut);
        until("one endpoint", PATIENCE, async || {
            (cluster.endpoints(&admin).await == 1).then_some(())
        })
        .await;
        hung.set_link(Link::Whole);
        cluster.ready(2).await;

        cluster.scale(3).await;
        cluster.ready(3).await;
        cluster.scale(1).await;
        cluster.ready(1).await;
        let old = cluster.replicas()[0].name().to_owned();
        cluster.rollout_restart().await;
        cluster.rolled_out().await;
        let replicas = cluster.replicas();
        assert_eq!(replicas.len(), 1);
        assert_ne!(replicas[0].name(), old);
        let namespace = cluster.namespace("after", &[]).await;
        await_verdict(&admin, &namespace, &compliant("good"), 201).await;
    });
}

#[test]
fn they_outlive_the_api_server_and_etcd() {
    in_namespaces(PROGRAMS, async || {
        let mut cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let admin = cluster.user(Who::Admin).await;

        cluster.plane.stop_apiserver();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(cluster.replicas().iter().all(|replica| replica.is_ready()));
        cluster.plane.start_apiserver().await;
        let namespace = cluster.namespace("after-apiserver", &[]).await;
        admin.create(&pods(&namespace), &compliant("good")).await.granted();

        cluster.plane.stop_etcd();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(cluster.replicas().iter().all(|replica| replica.is_ready()));
        cluster.plane.start_etcd();
        until("etcd to be back", PATIENCE, async || {
            (admin.get("/readyz").await.code == 200).then_some(())
        })
        .await;
        let namespace = cluster.namespace("after-etcd", &[]).await;
        admin.create(&pods(&namespace), &compliant("good")).await.granted();
        cluster.ready(2).await;
        assert!(cluster.replicas().iter().all(|replica| replica.restarts() == 0));
    });
}
