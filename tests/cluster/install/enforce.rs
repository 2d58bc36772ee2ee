//! Enforce mode, with two replicas.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;

use crate::{
    install::{RESTRICTED, counted, enforcing},
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        helm::RELEASE,
        namespaces::in_namespaces,
        nodelet::Replica,
        objects::{apps, compliant, deployment, plain, pods, privileged},
        user::User,
        wait::{PATIENCE, until},
    },
};

#[test]
fn pods_are_denied_and_hardened_by_two_replicas() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        cluster.install(&enforcing()).await;
        let developer = cluster.user(Who::Developer).await;
        let strict = cluster.namespace("strict", RESTRICTED).await;

        let denied = developer.create(&pods(&strict), &privileged("bad")).await;
        assert_eq!((denied.code, denied.reason()), (403, "Forbidden"), "{:#}", denied.body);
        let start = r#"admission webhook "enforce.portcullis.dev" denied the request: pods "bad" is forbidden: violates PodSecurity "restricted:latest":"#;
        assert!(denied.message().starts_with(start), "{}", denied.message());

        developer.create(&pods(&strict), &compliant("good")).await.granted();
        let hardened = developer.create(&pods(&strict), &plain("plain")).await.granted();
        assert_eq!(hardened["spec"]["securityContext"]["runAsNonRoot"], true, "{hardened:#}");

        let path = apps(&strict, "deployments");
        let advised = developer.create(&path, &deployment("web", &privileged("web"))).await;
        assert!(advised.warnings.iter().any(|line| line.contains("privileged")), "{advised:?}");
        advised.granted();

        never_called_for_itself_and_the_system(&cluster).await;
        let [one, other] = &cluster.replicas()[..] else {
            panic!("two replicas");
        };
        both_are_called(&developer, &strict, one, other).await;
    });
}

/// Not even a privileged pod is judged there.
async fn never_called_for_itself_and_the_system(cluster: &Cluster) {
    let admin = cluster.user(Who::Admin).await;
    let pod = privileged("exempt");
    for namespace in [RELEASE, "kube-system", "kube-node-lease"] {
        let path = format!("{}?dryRun=All", pods(namespace));
        // System namespaces may lack the account: such pods are refused before any webhook.
        until(&format!("a pod in {namespace}"), PATIENCE, async || {
            let answer = admin.create(&path, &pod).await;
            assert!(!answer.message().contains("portcullis.dev"), "{}", answer.message());
            (answer.code == 201).then_some(())
        })
        .await;
    }
}

/// The API server connects to a random replica, so enough concurrent requests reach both.
async fn both_are_called(
    developer: &User,
    namespace: &str,
    one: &Arc<Replica>,
    other: &Arc<Replica>,
) {
    let path = format!("{}?dryRun=All", pods(namespace));
    let (path, pod) = (&path, &compliant("probe"));
    until("both replicas to have been called", PATIENCE, async || {
        let creates = (0..20).map(|_| developer.create(path, pod));
        assert!(join_all(creates).await.iter().all(|answer| answer.code == 201));
        let count = |replica| counted(replica, "portcullis_requests_total");
        (count(one).await > 0.0 && count(other).await > 0.0).then_some(())
    })
    .await;
}

#[test]
fn a_new_mode_is_in_force_without_a_restart() {
    in_namespaces(PROGRAMS, async || {
        let cluster = Cluster::start();
        let mut values = cluster.existing_secret().await;
        values["mode"] = json!("enforce");
        cluster.install(&values).await;
        let before = names(&cluster);
        let developer = cluster.user(Who::Developer).await;
        let strict = cluster.namespace("strict", RESTRICTED).await;
        let path = format!("{}?dryRun=All", pods(&strict));
        let bad = privileged("bad");
        assert_eq!(developer.create(&path, &bad).await.code, 403);

        values["mode"] = json!("dry-run");
        cluster.helm.upgrade(&values, &[]);

        until("dry run", PATIENCE, async || {
            let answers = join_all((0..8).map(|_| developer.create(&path, &bad))).await;
            answers.iter().all(|answer| answer.code == 201).then_some(())
        })
        .await;
        assert_eq!(names(&cluster), before);
        assert!(cluster.replicas().iter().all(|replica| replica.restarts() == 0));
    });
}

fn names(cluster: &Cluster) -> Vec<String> {
    cluster.replicas().iter().map(|replica| replica.name().to_owned()).collect()
}
