//! The store and the leader process exceptions from creation to expiry.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use policy::exceptions::{ExceptionSettings, Expiry};
use portcullis::exceptions::{Store, tell};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    exceptions::definition::{define, exception, path},
    support::{
        control_plane::{ControlPlane, Who},
        user::User,
        wait::{PATIENCE, until},
    },
};

async fn status(admin: &User, path: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    until(what, PATIENCE, async || {
        let object = admin.get(path).await.granted();
        fits(&object["status"]).then(|| object["status"].clone())
    })
    .await
}

fn held(store: &Store) -> Vec<String> {
    store.current().iter().map(|exception| exception.name.clone()).collect()
}

#[tokio::test]
async fn exceptions_are_watched_and_get_a_status() {
    let Ok(plane) = ControlPlane::shared() else {
        return;
    };
    let admin = plane.user(Who::Admin).await;
    define(&admin).await;
    let ours = plane.namespace("ours", &[]).await;
    let theirs = plane.namespace("theirs", &[]).await;
    admin.create(&path(&theirs), &exception("unlisted")).await.granted();
    admin.create(&path(&ours), &exception("first")).await.granted();

    let settings = Arc::new(Mutex::new(ExceptionSettings {
        namespaces: BTreeSet::from([ours.clone()]),
        expiry: Expiry::Required,
    }));
    let asked = Arc::clone(&settings);
    let (store, following) = Store::new(admin.client(), move || asked.lock().unwrap().clone());
    let (leads, led) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(following);
    tasks.spawn(tell(admin.client(), Arc::clone(&store), led));
    let first = format!("{ours}/first");
    until("the first", PATIENCE, async || (held(&store) == [first.clone()]).then_some(())).await;
    assert!(store.is_synced());

    // A replica that does not lead writes no status. The test can only wait for some time.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let silent = admin.get(&format!("{}/first", path(&ours))).await.granted();
    assert_eq!(silent["status"], Value::Null);

    store.counted(HashMap::from([(first.clone(), 4)]));
    leads.send_replace(true);
    let reported =
        status(&admin, &format!("{}/first", path(&ours)), "active", |it| it["state"] == "Active")
            .await;
    assert_eq!(reported, json!({"state": "Active", "covers": 4, "observedGeneration": 1}));
    let unlisted = format!("{}/unlisted", path(&theirs));
    let reported = status(&admin, &unlisted, "ignored", |it| it["state"] == "Ignored").await;
    assert!(
        reported["message"].as_str().unwrap().contains("exceptions.namespaces"),
        "{reported:#}"
    );

    // An error that the schema cannot detect makes the whole exception invalid.
    let mut object = exception("typo");
    object["spec"]["match"]["podLabel"] = json!({"app": "agent"});
    admin.create(&path(&ours), &object).await.granted();
    let typo = format!("{}/typo", path(&ours));
    let reported = status(&admin, &typo, "invalid", |it| it["state"] == "Invalid").await;
    assert!(
        reported["message"].as_str().unwrap().starts_with("spec.match.podLabel: unknown field"),
        "{reported:#}"
    );
    assert_eq!(held(&store), [first.as_str()]);
    // It is fixed.
    admin.merge(&typo, &json!({"spec": {"match": {"podLabel": null}}})).await.granted();
    let reported = status(&admin, &typo, "mended", |it| it["state"] == "Active").await;
    assert_eq!((&reported["message"], &reported["observedGeneration"]), (&Value::Null, &json!(2)));

    // One expires without any other event.
    let end = jiff::Timestamp::try_from(SystemTime::now() + Duration::from_secs(3)).unwrap();
    let mut object = exception("brief");
    object["spec"]["expires"] = json!(end.to_string());
    admin.create(&path(&ours), &object).await.granted();
    let brief = format!("{}/brief", path(&ours));
    status(&admin, &brief, "expired", |it| it["state"] == "Expired").await;
    assert!(SystemTime::now() >= SystemTime::from(end));

    // Without a change, nothing is written.
    let version = async || admin.get(&brief).await.granted()["metadata"]["resourceVersion"].clone();
    let before = version().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(version().await, before);

    // Without an expiry, it only applies if that is allowed.
    let mut object = exception("endless");
    object["spec"].as_object_mut().unwrap().remove("expires");
    admin.create(&path(&ours), &object).await.granted();
    let endless = format!("{}/endless", path(&ours));
    status(&admin, &endless, "invalid", |it| it["state"] == "Invalid").await;
    settings.lock().unwrap().expiry = Expiry::Optional;
    status(&admin, &endless, "active", |it| it["state"] == "Active").await;

    admin.delete(&typo).await.granted();
    let name = format!("{ours}/typo");
    until("it to go", PATIENCE, async || (!held(&store).contains(&name)).then_some(())).await;
}
