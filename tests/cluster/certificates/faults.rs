//! Changes of the Secret, the webhooks and the leader by others.

use serde_json::json;

use super::installation::{Installation, MUTATING, VALIDATING};
use crate::support::wait::{PATIENCE, until};

#[tokio::test]
async fn an_overwritten_ca_bundle_is_repaired() {
    let Ok(installation) = Installation::new().await else { return };
    let replica = installation.start(&[]).await;
    let good = installation.bundles(VALIDATING).await;

    // Values that helm charts leave behind, and a single webhook.
    for bundle in ["Cg==", ""] {
        let webhooks = json!([{"name": "w1.portcullis.dev", "clientConfig": {"caBundle": bundle}}]);
        let path = installation.at(VALIDATING);
        installation.admin.strategic_merge(&path, &json!({"webhooks": webhooks})).await.granted();
        until("caBundle to be repaired", PATIENCE, async || {
            (installation.bundles(VALIDATING).await == good).then_some(())
        })
        .await;
    }
    replica.dial(&installation.bundles(VALIDATING).await[1]).await.unwrap();
    until("the metric to follow", PATIENCE, async || {
        (replica.metric("portcullis_ca_bundle_contains_issuer").await == 1.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_emptied_secret_gets_back_what_clients_trust() {
    let Ok(installation) = Installation::new().await else { return };
    let _replica = installation.start(&[]).await;
    let (authority, bundles) =
        (installation.stored("current.key").await, installation.bundles(MUTATING).await);

    for data in [json!(null), json!({"current.crt": "bm8=", "next.key": null})] {
        let patch = json!({"data": data});
        installation.admin.merge(&installation.secret(), &patch).await.granted();
        until("the Secret to be restored", PATIENCE, async || {
            (installation.stored("current.key").await == authority
                && installation.stored("next.key").await.contains("KEY")
                && installation.stored("current.crt").await.contains("CERTIFICATE"))
            .then_some(())
        })
        .await;
    }
    assert_eq!(installation.bundles(MUTATING).await, bundles);
}

#[tokio::test]
async fn a_new_start_finds_the_authority_of_the_old() {
    let Ok(installation) = Installation::new().await else { return };
    let replica = installation.start(&[]).await;
    let bundle = installation.bundles(MUTATING).await.remove(0);
    drop(replica);
    // Killed: it could not release the lease, and no leader is needed for this.
    let replica = installation.start(&[]).await;
    replica.dial(&bundle).await.unwrap();
    assert_eq!(installation.bundles(MUTATING).await, [bundle]);
}

#[tokio::test]
async fn another_replica_leads_when_the_leader_ends_or_is_killed() {
    let Ok(installation) = Installation::new().await else { return };
    let mut first = installation.start(&[]).await;
    let second = installation.start(&[]).await;
    let third = installation.start(&[]).await;
    assert_eq!(first.metric("portcullis_leader").await, 1.0);

    // It releases the lease.
    first.process.signal("TERM");
    let second_leads = until("a second leader", PATIENCE, async || {
        let one = second.metric("portcullis_leader").await;
        let other = third.metric("portcullis_leader").await;
        (one + other > 0.0).then_some(one > other)
    })
    .await;
    let (mut leader, last) = if second_leads { (second, third) } else { (third, second) };

    // This one does not.
    leader.process.kill();
    until("a third leader", PATIENCE, async || {
        (last.metric("portcullis_leader").await == 1.0).then_some(())
    })
    .await;

    // And works.
    let webhooks = json!([{"name": "w0.portcullis.dev", "clientConfig": {"caBundle": "Cg=="}}]);
    let path = installation.at(MUTATING);
    installation.admin.strategic_merge(&path, &json!({"webhooks": webhooks})).await.granted();
    until("caBundle to be repaired", PATIENCE, async || {
        installation.bundles(MUTATING).await[0].contains("BEGIN CERTIFICATE").then_some(())
    })
    .await;
}
