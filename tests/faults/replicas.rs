//! Requests while replicas are replaced, killed or stopped: the chart in the test's own cluster, called by the API
//! server through the chart's Service.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    RESTRICTED,
    load::{Load, Report},
    quantiles, report, scale,
    support::{
        cluster::{Cluster, PROGRAMS},
        control_plane::Who,
        namespaces::in_namespaces,
        nodelet::Restarts,
        objects::{await_verdict, plain},
        wait::{PATIENCE, until},
    },
};

/// Enforcing, with the default certificates.
fn values() -> Value {
    json!({"mode": "enforce"})
}

/// The installed chart, and load on a namespace that enforces restricted.
async fn under_load(values: &Value) -> (Cluster, Load) {
    let cluster = Cluster::start();
    cluster.install(values).await;
    let namespace = cluster.namespace("load", RESTRICTED).await;
    let load = Load::start(&cluster.user(Who::Admin).await, &namespace, scale(10, 200));
    sleep(Duration::from_secs(1)).await;
    (cluster, load)
}

fn summary(load: &Report) -> String {
    let (p50, p99, longest) = quantiles(&mut load.times.clone());
    format!(
        "{} pods, {} failed, {} wrongly admitted; p50 {p50:.1} ms, p99 {p99:.1} ms, longest {longest:.0} ms",
        load.times.len() + load.failures.len(),
        load.failures.len(),
        load.admitted
    )
}

#[test]
fn rolling_restarts_cause_no_failed_requests() {
    in_namespaces(PROGRAMS, async || {
        let (cluster, load) = under_load(&values()).await;
        let restarts = scale(1, 20);
        for _ in 0..restarts {
            cluster.rollout_restart().await;
            cluster.rolled_out().await;
        }
        let load = load.end().await;
        report(&format!("{restarts} rolling restarts of 2 replicas"), &summary(&load));
        assert_eq!((load.failures, load.admitted), (vec![], 0));
    });
}

#[test]
fn a_killed_replica_fails_only_what_was_sent_to_it() {
    in_namespaces(PROGRAMS, async || {
        let (cluster, load) = under_load(&values()).await;
        let admin = cluster.user(Who::Admin).await;
        let (mut gone, kills) = (Vec::new(), scale(1, 10));
        for kill in 0..kills {
            cluster.ready(2).await;
            cluster.set_restarts(Restarts::Held);
            let killed = load.elapsed();
            cluster.replicas()[kill % 2].kill9();
            until("its endpoint to be gone", PATIENCE, async || {
                (cluster.endpoints(&admin).await == 1).then_some(())
            })
            .await;
            gone.push((killed, load.elapsed()));
            sleep(Duration::from_secs(3)).await;
            cluster.set_restarts(Restarts::Usual);
        }
        cluster.ready(2).await;
        sleep(Duration::from_secs(1)).await;
        let load = load.end().await;

        // A busy machine may be slow; the long form allows one second.
        let grace = Duration::from_secs(scale(5, 1));
        let is_excused = |at: Duration| {
            // Requests just before the kill may be in flight.
            gone.iter().any(|(killed, gone)| at + grace > *killed && at < *gone + grace)
        };
        let late: Vec<_> = load.failures.iter().filter(|(at, _)| !is_excused(*at)).collect();
        let endpoint: Duration = gone.iter().map(|(killed, gone)| *gone - *killed).sum();
        report(
            &format!("{kills} times kill -9 of one of two replicas"),
            &format!(
                "{}; {} of the failures more than a second after the endpoint was gone, which took {:.0} ms on average",
                summary(&load),
                late.len(),
                endpoint.as_secs_f64() * 1000.0 / f64::from(u32::try_from(kills).unwrap())
            ),
        );
        assert!(late.is_empty(), "{late:?}");
        assert_eq!(load.admitted, 0);
    });
}

#[test]
fn a_hung_replica_is_left_out_by_its_readiness() {
    in_namespaces(PROGRAMS, async || {
        let (cluster, load) = under_load(&values()).await;
        let admin = cluster.user(Who::Admin).await;
        let replica = cluster.replicas().remove(0);
        let hung = load.elapsed();
        replica.stop();
        until("its endpoint to be gone", PATIENCE, async || {
            (cluster.endpoints(&admin).await == 1).then_some(())
        })
        .await;
        let gone = load.elapsed();
        // Until the API server has given up its pending requests.
        sleep(Duration::from_secs(6)).await;
        let quiet = load.elapsed();
        sleep(Duration::from_secs(3)).await;
        replica.cont();
        cluster.ready(2).await;
        let load = load.end().await;
        let late = load.failures.iter().filter(|(at, _)| *at > quiet).count();
        report(
            "a hung replica (SIGSTOP)",
            &format!(
                "{}; its endpoint was gone after {:.1} s; {late} failures once it was out",
                summary(&load),
                (gone - hung).as_secs_f64()
            ),
        );
        assert_eq!((late, load.admitted), (0, 0));
    });
}

#[test]
fn without_replicas_pods_are_refused_in_time_and_it_recovers_by_itself() {
    in_namespaces(PROGRAMS, async || {
        let (cluster, load) = under_load(&values()).await;
        let down = Duration::from_secs(scale(4, 20));
        cluster.set_restarts(Restarts::Held);
        let begin = load.elapsed();
        for replica in cluster.replicas() {
            replica.kill9();
        }
        sleep(down).await;
        cluster.set_restarts(Restarts::Usual);
        let start = Instant::now();
        cluster.ready(2).await;
        let ready = start.elapsed();
        let end = load.elapsed() + Duration::from_secs(1);
        sleep(Duration::from_secs(3)).await;
        let load = load.end().await;
        let outside: Vec<_> = load
            .failures
            .iter()
            .filter(|(at, _)| *at + Duration::from_secs(1) < begin || *at > end)
            .collect();
        report(
            "both replicas down (Fail)",
            &format!(
                "{}; both ready {:.1} s after they could start again, {} failures later than a second after",
                summary(&load),
                ready.as_secs_f64(),
                outside.len()
            ),
        );
        assert!(outside.is_empty(), "{outside:?}");
        assert!(load.failures.iter().all(|(_, why)| why.contains("enforce.portcullis.dev")));
        assert!(!load.failures.is_empty());
        assert_eq!(load.admitted, 0);
    });
}

/// With short lifetimes: certificates last 9 s and CAs sign for 12 s, instead of months.
#[test]
fn rotating_certificates_and_authorities_causes_no_failed_requests() {
    in_namespaces(PROGRAMS, async || {
        let lifetimes = json!({"caLifetime": "36s", "leafLifetime": "9s", "publish": "3s"});
        let values = json!({"mode": "enforce", "certs": {"self": lifetimes}});
        let (cluster, load) = under_load(&values).await;
        let (wanted_leaves, wanted_authorities) = scale((6, 1), (100, 10));
        let changes = || {
            let logs: Vec<_> = cluster.replicas().iter().map(|replica| replica.log()).collect();
            let count =
                |what: &str| logs.iter().map(|log| log.matches(what).count()).sum::<usize>();
            (count("new certificate in force"), count(r#""step":"Promote""#))
        };
        let (mut leaves, mut authorities) = (0, 0);
        while leaves < wanted_leaves || authorities < wanted_authorities {
            sleep(Duration::from_secs(1)).await;
            (leaves, authorities) = changes();
        }
        let load = load.end().await;
        report(&format!("{leaves} new leaves, {authorities} new authorities"), &summary(&load));
        assert_eq!((load.failures, load.admitted), (vec![], 0));
    });
}

#[test]
fn a_new_configuration_takes_effect_under_load() {
    in_namespaces(PROGRAMS, async || {
        let (cluster, load) = under_load(&values()).await;
        let admin = cluster.user(Who::Admin).await;
        let unlabelled = cluster.namespace("unlabelled", &[]).await;
        let flips = scale(1, 10);
        for flip in 0..flips {
            let (level, code) =
                if flip % 2 == 0 { ("restricted", 403) } else { ("privileged", 201) };
            let mut values = values();
            values["config"] = json!({"defaults": {"enforce": level}, "harden": {"mode": "off"}});
            cluster.helm.upgrade(&values, &[]);
            await_verdict(&admin, &unlabelled, &plain("plain"), code).await;
        }
        let load = load.end().await;
        report(&format!("{flips} changes of the configuration"), &summary(&load));
        assert_eq!((load.failures, load.admitted), (vec![], 0));
    });
}
