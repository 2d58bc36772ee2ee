//! The API server stops and starts again while our server runs.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::{
    e2e::{PRIVILEGED, RESTRICTED, assert_denied},
    support::{
        client::Client,
        control_plane::{BuiltInPodSecurity, ControlPlane, Who},
        objects::{await_verdict, compliant, pods, privileged},
        portcullis::Portcullis,
        wait::{PATIENCE, until},
    },
};

#[tokio::test]
async fn the_server_keeps_judging_and_receiving_changes() {
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

#[tokio::test]
async fn a_server_that_starts_first_denies_and_waits_for_the_api_server() {
    let Ok(mut plane) = ControlPlane::start(BuiltInPodSecurity::Off) else {
        return;
    };
    plane.stop_apiserver();
    let mut server = Portcullis::launch(&plane, None, &[]);

    let page = until("an answer", PATIENCE, async || server.page("/readyz").await).await;
    assert_eq!(page.0, 503, "{}", page.1);
    assert!(page.1.contains("[+]certificate ok"), "{}", page.1);
    assert!(page.1.contains("[-]namespaces failed: not listed yet"), "{}", page.1);
    assert_eq!(server.page("/livez").await.unwrap().0, 200);
    let response = ask(&server, include_str!("../../../src/cli/serve/samples/denied.json")).await;
    assert_eq!(response["allowed"], false);
    assert_eq!(response["status"]["code"], 500);
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.starts_with(r#"failed to look up namespace "shop": "#), "{message}");

    plane.start_apiserver().await;
    server.wait_ready().await;
    server.register(&plane).await;
    let strict = server.namespace(&plane, "strict", RESTRICTED).await;
    let admin = plane.user(Who::Admin).await;
    let denied = admin.create(&pods(&strict), &privileged("bad")).await;
    assert_denied(&denied, "bad", "restricted:latest");
}

/// Calls `/validate` directly, without an API server.
async fn ask(server: &Portcullis, review: &str) -> Value {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    let mut client = Client::connect(address, &server.serving.authority_pem, &[]).await.unwrap();
    let answer = client.post("/validate", review.as_bytes()).await;
    assert_eq!(answer.status(), 200, "{}", answer.body);
    serde_json::from_str::<Value>(&answer.body).unwrap()["response"].take()
}
