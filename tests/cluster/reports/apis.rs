//! Which of the two APIs is used, and the maximum number of reports.

use crate::{
    reports::{
        definitions::{OPEN_REPORTS, POLICY_REPORTS, define_open_reports, define_policy_reports},
        server::{audited, metric, reporter, reports, start, subjects},
    },
    support::{
        control_plane::{BuiltInPodSecurity, ControlPlane, Who},
        objects::{plain, pods},
        process::Folder,
    },
};

#[tokio::test]
async fn the_api_is_chosen_in_each_round_and_the_limit_is_kept() {
    let Ok(plane) = ControlPlane::start(BuiltInPodSecurity::Off) else { return };
    let admin = plane.user(Who::Admin).await;
    let shop = plane.namespace("shop", &[]).await;
    for name in ["a", "b", "c"] {
        admin.create(&pods(&shop), &plain(name)).await.granted();
    }
    let folder = Folder::new("report-apis");
    let kubeconfig = reporter(&plane, &folder).await;
    let flags = ["--reports=auto", "--report-limit=2"];
    let mut server = start(&kubeconfig, "one", &flags).await;

    // Without either API, one message is logged, and audits continue.
    audited(&server).await;
    audited(&server).await;
    let message = "no reports are written";
    assert_eq!(server.log().matches(message).count(), 1, "{}", server.log());
    let counted = r#"portcullis_audit_workloads{hardened="restricted",level="baseline"}"#;
    assert_eq!(metric(&server, counted).await, 3.0);

    // Only the older one.
    define_policy_reports(&admin).await;
    audited(&server).await;
    let written = reports(&admin, POLICY_REPORTS, &shop).await;
    assert_eq!(subjects(&written), ["Pod/a", "Pod/b"], "{}", server.log());
    assert_eq!(written[0]["results"][0]["source"], "portcullis");
    assert_eq!(metric(&server, "portcullis_reports_left_out").await, 1.0);

    // With both, the older reports are deleted.
    define_open_reports(&admin).await;
    audited(&server).await;
    audited(&server).await;
    let written = reports(&admin, OPEN_REPORTS, &shop).await;
    assert_eq!(subjects(&written), ["Pod/a", "Pod/b"], "{}", server.log());
    assert!(reports(&admin, POLICY_REPORTS, &shop).await.is_empty());

    // With a lower limit, reports beyond it are deleted.
    server.signal("TERM");
    assert!(server.ended().await.success(), "{}", server.log());
    let flags = ["--reports=openreports", "--report-limit=1"];
    let server = start(&kubeconfig, "two", &flags).await;
    audited(&server).await;
    assert_eq!(subjects(&reports(&admin, OPEN_REPORTS, &shop).await), ["Pod/a"]);
}
