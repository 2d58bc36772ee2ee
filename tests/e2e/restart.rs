//! The API server goes away and comes back under our feet.

use serde_json::json;

use crate::objects::{await_verdict, compliant, pods, privileged};
use crate::support::control_plane::{BuiltInPodSecurity, ControlPlane, Who};
use crate::support::portcullis::Portcullis;
use crate::{PRIVILEGED, RESTRICTED, assert_denied};

#[tokio::test]
async fn our_server_keeps_judging_and_keeps_hearing_of_changes() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else {
        return;
    };
    let server = Portcullis::start(&plane, None, &[]).await;
    let strict = server.namespace(&plane, "strict", RESTRICTED).await;
    let lenient = server.namespace(&plane, "lenient", PRIVILEGED).await;

    plane.restart_apiserver().await;

    let (code, page) = server.page("/readyz").await.unwrap();
    assert_eq!(code, 200, "{page}");
    let admin = plane.user(Who::Admin).await;
    let denied = admin.create(&pods(&strict), &privileged("bad")).await;
    assert_denied(&denied, "bad", "restricted:latest");
    admin.create(&pods(&strict), &compliant("good")).await.granted();

    let stricter =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}});
    admin.merge(&format!("/api/v1/namespaces/{lenient}"), &stricter).await.granted();
    await_verdict(&admin, &lenient, &privileged("bad"), 403).await;
    let new = server.namespace(&plane, "new", RESTRICTED).await;
    let denied = admin.create(&pods(&new), &privileged("bad")).await;
    assert_denied(&denied, "bad", "restricted:latest");
}
