//! Wrong or malicious writes to the Secret, the Lease and the webhooks do not affect clients.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::installation::{Installation, MUTATING, Replica, VALIDATING};
use crate::support::wait::{PATIENCE, until};

/// All webhooks' caBundles trust the replica's certificate.
async fn assert_trusted(installation: &Installation, replica: &Replica) {
    for path in [VALIDATING, MUTATING] {
        for bundle in installation.bundles(path).await {
            replica.dial(&bundle).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_backup_of_the_secret_is_taken_over_without_a_gap() {
    let Ok(installation) = Installation::new().await else { return };
    let replica = installation.start(&[]).await;
    let backup = installation.admin.get(&installation.secret()).await.granted()["data"].clone();
    drop(replica);
    let empty = json!([{"op": "remove", "path": "/data"}]);
    let patch = ("application/json-patch+json", &empty);
    let path = installation.secret();
    installation.admin.try_ask(http::Method::PATCH, &path, Some(patch)).await.unwrap().granted();
    let replica = installation.start(&[]).await;
    let (new, old) = (installation.stored("current.crt").await, backup["current.crt"].clone());
    let old = String::from_utf8(STANDARD.decode(old.as_str().unwrap()).unwrap()).unwrap();
    assert_ne!(new, old);

    installation.admin.merge(&path, &json!({"data": backup})).await.granted();
    let begun = Instant::now();
    until("both to be trusted", PATIENCE, async || {
        assert_trusted(&installation, &replica).await;
        let mut all = installation.bundles(VALIDATING).await;
        all.extend(installation.bundles(MUTATING).await);
        all.iter().all(|bundle| bundle.contains(&new) && bundle.contains(&old)).then_some(())
    })
    .await;
    while begun.elapsed() < Duration::from_secs(3) {
        assert_trusted(&installation, &replica).await;
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(installation.stored("current.crt").await, old);
    assert!(installation.stored("previous.crt").await.contains(&new));
}

#[tokio::test]
async fn rubbish_in_the_secret_is_replaced_by_what_clients_trust() {
    let Ok(installation) = Installation::new().await else { return };
    let replica = installation.start(&[]).await;
    let (key, bundles) =
        (installation.stored("current.key").await, installation.bundles(VALIDATING).await);
    let certificate = installation.stored("current.crt").await;
    let rubbish = [
        json!({"current.crt": STANDARD.encode("A".repeat(700_000))}),
        json!({"current.crt": STANDARD.encode(certificate.repeat(500))}),
        json!({"next.key": STANDARD.encode(&key)}),
        json!({"service": STANDARD.encode("kubernetes.default.svc")}),
        json!({"since": STANDARD.encode("never")}),
        json!({"since": null, "current.key": STANDARD.encode([0xff_u8; 64])}),
    ];
    for data in rubbish {
        installation.admin.merge(&installation.secret(), &json!({"data": data})).await.granted();
        until("the Secret to be restored", PATIENCE, async || {
            let is_restored = installation.stored("current.key").await == key
                && installation.stored("current.crt").await == certificate
                && installation.stored("next.key").await != key
                && installation.stored("service").await.ends_with(".svc")
                && !installation.stored("service").await.starts_with("kubernetes")
                && installation.stored("since").await.ends_with('Z');
            is_restored.then_some(())
        })
        .await;
        assert_trusted(&installation, &replica).await;
    }
    assert_eq!(installation.bundles(VALIDATING).await, bundles);
}

#[tokio::test]
async fn a_secret_that_is_gone_keeps_nobody_from_renewing() {
    let Ok(installation) = Installation::new().await else { return };
    let flags = ["--ca-lifetime", "600s", "--leaf-lifetime", "5s", "--ca-publish", "3s"];
    let replica = installation.start(&flags).await;
    let (key, bundle) =
        (installation.stored("current.key").await, installation.bundles(MUTATING).await.remove(0));
    let first = replica.dial(&bundle).await.unwrap();
    installation.admin.delete(&installation.secret()).await.granted();

    let gone = Instant::now();
    while gone.elapsed() < Duration::from_secs(8) {
        replica.dial(&bundle).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    assert_ne!(replica.dial(&bundle).await.unwrap(), first);
    // As the chart creates it: empty again, it gets the trusted CAs back.
    let labels = json!({"portcullis.dev/certificates": "self"});
    let secret = json!({"metadata": {"name": "ca", "labels": labels}});
    let secrets = installation.secret();
    let (secrets, _) = secrets.rsplit_once('/').unwrap();
    installation.admin.create(secrets, &secret).await.granted();
    until("the Secret to be written", PATIENCE, async || {
        (installation.stored("current.key").await == key).then_some(())
    })
    .await;
}

/// Two installations with one name, or cert-manager's injector: each overwrites the other.
#[tokio::test]
async fn a_client_that_keeps_overwriting_ca_bundle_is_not_raced() {
    let Ok(installation) = Installation::new().await else { return };
    let replica = installation.start(&[]).await;
    let version = async || {
        let object = installation.admin.get(&installation.at(MUTATING)).await.granted();
        object["metadata"]["generation"].as_u64().unwrap()
    };
    let (before, begun) = (version().await, Instant::now());
    let mut theirs = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        let bundle = STANDARD.encode(format!("{theirs}"));
        let webhooks = json!([{"name": "w0.portcullis.dev", "clientConfig": {"caBundle": bundle}}]);
        let path = installation.at(MUTATING);
        installation.admin.strategic_merge(&path, &json!({"webhooks": webhooks})).await.granted();
        theirs += 1;
        sleep(Duration::from_millis(10)).await;
    }
    let seconds = begun.elapsed().as_secs();
    let ours = version().await - before - theirs;
    assert!((1..=seconds + 2).contains(&ours), "{ours} writes of ours, {theirs} of theirs");
    until("caBundle to be repaired", PATIENCE, async || {
        let bundle = installation.bundles(MUTATING).await.remove(0);
        bundle.contains("BEGIN CERTIFICATE").then_some(())
    })
    .await;
    assert_trusted(&installation, &replica).await;
}

/// Webhooks are added and removed while the leader writes to those that it has seen.
#[tokio::test]
async fn webhooks_that_come_and_go_meanwhile_end_up_trusting() {
    let Ok(installation) = Installation::new().await else { return };
    let replica = installation.start(&[]).await;
    let path = installation.at(VALIDATING);
    let full = installation.admin.get(&path).await.granted()["webhooks"].clone();
    for round in 0..6 {
        let mut webhooks = full.as_array().unwrap().clone();
        for webhook in &mut webhooks {
            webhook["clientConfig"]["caBundle"] = Value::Null;
        }
        webhooks.truncate([1, 3, 0, 2, 0, 3][round]);
        let patch = json!({"webhooks": webhooks});
        installation.admin.merge(&path, &patch).await.granted();
        sleep(Duration::from_millis(20)).await;
    }
    until("all webhooks to trust", PATIENCE, async || {
        let bundles = installation.bundles(VALIDATING).await;
        assert_eq!(bundles.len(), 3);
        bundles.iter().all(|bundle| bundle.contains("BEGIN CERTIFICATE")).then_some(())
    })
    .await;
    assert_trusted(&installation, &replica).await;
}

/// Correctness does not depend on a single leader.
#[tokio::test]
async fn two_leaders_at_once_do_no_harm() {
    let Ok(installation) = Installation::new().await else { return };
    let flags = [
        "--ca-lifetime",
        "60s",
        "--leaf-lifetime",
        "15s",
        "--ca-publish",
        "4s",
        "--identity",
        "twin",
    ];
    let mut replicas = [installation.launch(&flags), installation.launch(&flags)];
    for replica in &mut replicas {
        replica.wait_ready().await;
    }
    until("two leaders", PATIENCE, async || {
        let one = replicas[0].metric("portcullis_leader").await;
        let other = replicas[1].metric("portcullis_leader").await;
        (one + other == 2.0).then_some(())
    })
    .await;
    let first = installation.stored("current.crt").await;
    until("another authority", PATIENCE, async || {
        for replica in &replicas {
            assert_trusted(&installation, replica).await;
        }
        (installation.stored("current.crt").await != first).then_some(())
    })
    .await;
    for replica in &replicas {
        assert_trusted(&installation, replica).await;
    }
}

#[tokio::test]
async fn a_lease_that_is_deleted_is_made_anew() {
    let Ok(installation) = Installation::new().await else { return };
    let replica = installation.start(&[]).await;
    let lease = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases/portcullis",
        installation.namespace
    );
    let uid = async || installation.admin.get(&lease).await.body["metadata"]["uid"].clone();
    let old = uid().await;
    assert!(old.is_string());
    installation.admin.delete(&lease).await.granted();
    until("another Lease", PATIENCE, async || {
        let new = uid().await;
        (new.is_string() && new != old).then_some(())
    })
    .await;
    assert_eq!(replica.metric("portcullis_leader").await, 1.0);
}
