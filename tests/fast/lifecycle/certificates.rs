//! Certificate files that change while the server uses them.

use std::fs;

use crate::support::{
    certificates::Serving,
    client::Client,
    process::Folder,
    server::{DENIED, Server},
    wait::{PATIENCE, until},
};

const LAST_RELOAD: &str = "portcullis_certificate_last_reload_successful";
const EXPIRY: &str = "portcullis_certificate_expiry_timestamp_seconds";

#[tokio::test]
async fn new_files_are_shown_and_bad_ones_are_not() {
    let folder = Folder::new("certificates");
    let old = Serving::new(&folder);
    let flags = [
        format!("--tls-cert-file={}", old.certificate.display()),
        format!("--tls-private-key-file={}", old.key.display()),
    ];
    let server = Server::of(folder, &flags.each_ref().map(String::as_str)).await;
    assert!(server.output().contains("its certificate is that of --tls-cert-file"));
    let mut before = Client::connect(server.secure, &old.authority_pem, &[]).await.unwrap();
    assert_eq!(before.post("/validate", DENIED.as_bytes()).await.status(), 200);
    assert_eq!(server.metric(LAST_RELOAD).await, Some(1.0));

    let elsewhere = Folder::new("new-certificates");
    let new = Serving::new(&elsewhere);
    fs::copy(&new.certificate, &old.certificate).unwrap();
    fs::copy(&new.key, &old.key).unwrap();

    let mut after = until("the new certificate", PATIENCE, async || {
        Client::connect(server.secure, &new.authority_pem, &[]).await.ok()
    })
    .await;
    assert_eq!(after.post("/validate", DENIED.as_bytes()).await.status(), 200);
    assert!(Client::connect(server.secure, &old.authority_pem, &[]).await.is_err());
    assert_eq!(before.post("/validate", DENIED.as_bytes()).await.status(), 200, "none is dropped");
    server.await_metric(LAST_RELOAD, 1.0).await;
    let expiry = server.metric(EXPIRY).await;

    server.write("tls.crt", "no certificate\n");
    server.await_metric(LAST_RELOAD, 0.0).await;
    let line = server.logged("no new certificate, the old one stays").await;
    let why = line["error"].as_str().unwrap();
    assert!(why.ends_with("tls.crt: not PEM: no line -----BEGIN CERTIFICATE-----"), "{why}");
    assert_eq!(line["level"], "ERROR");
    assert!(Client::connect(server.secure, &new.authority_pem, &[]).await.is_ok());
    assert_eq!(server.metric(EXPIRY).await, expiry);
    assert_eq!(server.page("/readyz").await.status(), 200, "what is in force is valid");

    fs::copy(&new.certificate, &old.certificate).unwrap();
    server.await_metric(LAST_RELOAD, 1.0).await;
}
