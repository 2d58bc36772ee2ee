//! The API server restarts; etcd stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{
    RESTRICTED, report, scale,
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Who},
        objects::{await_verdict, compliant, pods, privileged},
        portcullis::Portcullis,
        wait::{PATIENCE, until},
    },
};

#[tokio::test]
async fn an_outage_of_the_cluster_is_outlived_on_what_is_known() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else { return };
    let server = Arc::new(Portcullis::start(&plane, None, &[]).await);
    let strict = server.namespace(&plane, "strict", RESTRICTED).await;
    let (asked, unready) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut watcher = JoinSet::new();
    watcher.spawn(readiness(Arc::clone(&server), Arc::clone(&asked), Arc::clone(&unready)));

    plane.restart_apiserver().await;
    verify(&plane, &server, &strict).await;
    let outage = Duration::from_secs(scale(3, 30));
    plane.stop_etcd();
    sleep(outage).await;
    plane.start_etcd();
    // The API server must reconnect first.
    let admin = plane.user(Who::Admin).await;
    until("the API server to answer", PATIENCE, async || {
        let answer = admin.try_get("/api/v1/namespaces/default").await;
        answer.is_ok_and(|answer| answer.code == 200).then_some(())
    })
    .await;
    verify(&plane, &server, &strict).await;
    watcher.shutdown().await;

    let complaints = server.log().matches("cannot watch namespaces").count();
    let (asked, unready) = (asked.load(Ordering::Relaxed), unready.load(Ordering::Relaxed));
    report(
        "API server restarted, etcd stopped",
        &format!(
            "etcd away for {outage:?}: asked {asked} times for readiness, {unready} times unready; \
             {complaints} watches failed; verdicts right before and after, a changed label heard"
        ),
    );
    assert_eq!(unready, 0);
    assert!(complaints < 30, "no storm: {complaints}");
}

async fn readiness(server: Arc<Portcullis>, asked: Arc<AtomicU32>, unready: Arc<AtomicU32>) {
    loop {
        let page = server.page("/readyz").await;
        asked.fetch_add(1, Ordering::Relaxed);
        if page.is_none_or(|(code, _)| code != 200) {
            unready.fetch_add(1, Ordering::Relaxed);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Known labels still apply, and changes arrive.
async fn verify(plane: &ControlPlane, server: &Portcullis, strict: &str) {
    let admin = plane.user(Who::Admin).await;
    assert_eq!(admin.create(&pods(strict), &privileged("bad")).await.code, 403);
    let changing = server.namespace(plane, "changing", RESTRICTED).await;
    assert_eq!(admin.create(&pods(&changing), &privileged("bad")).await.code, 403);
    let path = format!("{}?dryRun=All", pods(&changing));
    admin.create(&path, &compliant("good")).await.granted();
    let lenient = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": null}}});
    admin.merge(&format!("/api/v1/namespaces/{changing}"), &lenient).await.granted();
    // Baseline is the default: a privileged pod is still denied, and one without settings is not.
    await_verdict(&admin, &changing, &crate::support::objects::plain("plain"), 201).await;
}
