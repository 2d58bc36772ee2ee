//! Only one replica writes, and the next one goes on where it stopped.

use crate::{
    reports::{
        definitions::{OPEN_REPORTS, define_open_reports},
        server::{audited, metric, reporter, reports, start, subjects},
    },
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Who},
        objects::{plain, pods},
        process::Folder,
        wait::{PATIENCE, until},
    },
};

#[tokio::test]
async fn only_the_leader_audits_and_writes() {
    let Ok(plane) = ControlPlane::start(BuiltInPodSecurity::Off) else { return };
    let admin = plane.user(Who::Admin).await;
    define_open_reports(&admin).await;
    let shop = plane.namespace("shop", &[]).await;
    admin.create(&pods(&shop), &plain("bare")).await.granted();
    let folder = Folder::new("report-replicas");
    let kubeconfig = reporter(&plane, &folder).await;
    let mut first = start(&kubeconfig, "first", &["--reports=auto"]).await;
    audited(&first).await;
    let second = start(&kubeconfig, "second", &["--reports=auto"]).await;
    audited(&first).await;
    let shown = "portcullis_audit_last_timestamp_seconds";
    assert_eq!(metric(&first, "portcullis_leader").await, 1.0);
    assert_eq!(metric(&second, "portcullis_leader").await, 0.0);
    assert_eq!(metric(&second, shown).await, 0.0, "it has not audited");
    let written = reports(&admin, OPEN_REPORTS, &shop).await;
    assert_eq!(subjects(&written), ["Pod/bare"]);

    first.signal("TERM");
    assert!(first.ended().await.success(), "{}", first.log());
    until("the second to lead", PATIENCE, async || {
        (metric(&second, shown).await > 0.0).then_some(())
    })
    .await;
    audited(&second).await;
    // What the first has written is right, and is not written again.
    assert_eq!(reports(&admin, OPEN_REPORTS, &shop).await, written);
    let done = r#"portcullis_report_writes_total{operation="apply",result="done"}"#;
    assert_eq!(metric(&second, done).await, 0.0);
}
