//! From an empty Secret to trusted certificates.

use serde_json::{Value, json};

use super::installation::{Installation, MUTATING, VALIDATING};
use crate::support::wait::{PATIENCE, until};

#[tokio::test]
async fn replicas_that_start_at_once_agree_on_one_authority() {
    let Ok(installation) = Installation::new().await else { return };
    let mut replicas = [(); 4].map(|()| installation.launch(&[]));
    for replica in &mut replicas {
        replica.wait_ready().await;
    }

    let bundles = installation.bundles(VALIDATING).await;
    assert_eq!(bundles.len(), 3);
    let bundle = &bundles[0];
    assert!(bundles.iter().all(|other| other == bundle));
    assert_eq!(&installation.bundles(MUTATING).await[0], bundle);
    assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(bundle.contains(&installation.stored("current.crt").await));
    assert!(bundle.contains(&installation.stored("next.crt").await));
    let mut leaves = Vec::new();
    for replica in &replicas {
        leaves.push(replica.dial(bundle).await.unwrap());
        assert_eq!(replica.metric("portcullis_ca_bundle_contains_issuer").await, 1.0);
    }
    leaves.sort();
    leaves.dedup();
    assert_eq!(leaves.len(), 4, "each replica has a certificate of its own");
    let mut leaders = 0.0;
    for replica in &replicas {
        leaders += replica.metric("portcullis_leader").await;
    }
    assert_eq!(leaders, 1.0);
}

#[tokio::test]
async fn only_ca_bundle_of_a_webhook_is_changed() {
    let Ok(installation) = Installation::new().await else { return };
    let path = installation.at(VALIDATING);
    let before = installation.admin.get(&path).await.granted();
    let _replica = installation.start(&[]).await;
    let mut after = installation.admin.get(&path).await.granted();

    let fields = after["metadata"]["managedFields"].as_array().unwrap();
    let ours: Vec<&Value> =
        fields.iter().filter(|entry| entry["manager"] == "portcullis").collect();
    assert_eq!(ours.len(), 1);
    let webhook = json!({".": {}, "f:name": {}, "f:clientConfig": {"f:caBundle": {}}});
    for name in ["w0", "w1", "w2"] {
        let key = format!("k:{{\"name\":\"{name}.portcullis.dev\"}}");
        assert_eq!(ours[0]["fieldsV1"]["f:webhooks"][&key], webhook, "{:#}", ours[0]);
    }
    for webhook in after["webhooks"].as_array_mut().unwrap() {
        webhook["clientConfig"].as_object_mut().unwrap().remove("caBundle");
    }
    assert_eq!(after["webhooks"], before["webhooks"]);
}

#[tokio::test]
async fn a_secret_that_is_not_ours_is_never_written() {
    let secret = json!({"metadata": {"name": "ca"}, "stringData": {"tls.key": "of somebody else"}});
    let Ok(installation) = Installation::with_secret(secret).await else { return };
    let replica = installation.launch(&[]);
    let why = format!(
        "Secret {}/ca must have the label portcullis.dev/certificates=self: without it, it is not written to",
        installation.namespace
    );
    until("the replica to say why it is not ready", PATIENCE, async || {
        replica.readiness().await.contains(&why).then_some(())
    })
    .await;
    until("the replica to lead", PATIENCE, async || {
        (replica.metric("portcullis_leader").await == 1.0).then_some(())
    })
    .await;

    assert_eq!(installation.stored("tls.key").await, "of somebody else");
    assert_eq!(installation.bundles(MUTATING).await, [""]);
    assert!(replica.dial(&installation.stored("current.crt").await).await.is_err());

    // It only waited for the label; the content is not a CA and is replaced.
    let label = json!({"metadata": {"labels": {"portcullis.dev/certificates": "self"}}});
    installation.admin.merge(&installation.secret(), &label).await.granted();
    until("the replica to be ready", PATIENCE, async || {
        let ready = replica.readiness().await.contains("[+]certificate ok");
        ready.then_some(())
    })
    .await;
    replica.dial(&installation.bundles(MUTATING).await[0]).await.unwrap();
}

#[tokio::test]
async fn without_webhook_configurations_a_replica_gets_ready_all_the_same() {
    let Ok(installation) = Installation::new().await else { return };
    installation.admin.delete(&installation.at(VALIDATING)).await.granted();
    installation.admin.delete(&installation.at(MUTATING)).await.granted();
    let replica = installation.start(&[]).await;

    // After their deletion the webhooks are created again, and get the caBundle automatically.
    installation.register(VALIDATING, 2).await;
    until("the new webhooks to trust the replica", PATIENCE, async || {
        let bundles = installation.bundles(VALIDATING).await;
        bundles.iter().all(|bundle| !bundle.is_empty()).then_some(())
    })
    .await;
    replica.dial(&installation.bundles(VALIDATING).await[1]).await.unwrap();
}
