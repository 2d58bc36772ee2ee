//! A configuration file that changes while the server runs.

use crate::support::{
    process::Folder,
    server::{DENIED, HARDENED, Server},
    wait::{PATIENCE, until},
};

const LAST_RELOAD: &str = "portcullis_config_last_reload_successful";

const LENIENT: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: privileged}
";

const STRICT: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: restricted}
";

const BAD: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: lenient}
";

#[tokio::test]
async fn a_new_one_takes_effect_and_a_bad_one_does_not() {
    let folder = Folder::new("configuration");
    let file = folder.write("config.yaml", LENIENT);
    let flag = format!("--config={}", file.display());
    let server = Server::of(folder, &[flag.as_str()]).await;
    assert_eq!(server.ask("/validate", DENIED).await["allowed"], true);

    server.write("config.yaml", STRICT);
    until("the new configuration", PATIENCE, async || {
        (server.ask("/validate", DENIED).await["allowed"] == false).then_some(())
    })
    .await;
    server.logged("new configuration in force").await;
    assert_eq!(server.metric(LAST_RELOAD).await, Some(1.0));

    server.write("config.yaml", BAD);
    server.await_metric(LAST_RELOAD, 0.0).await;
    let line = server.logged("new configuration is invalid; the old one stays in force").await;
    let why = line["error"].as_str().unwrap();
    assert!(why.contains("config.yaml:4"), "{why}");
    assert!(why.contains("must be one of privileged, baseline, restricted"), "{why}");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(server.ask("/validate", DENIED).await["allowed"], false);
    assert_eq!(server.page("/readyz").await.status(), 200);

    server.write("config.yaml", STRICT);
    server.logged("the configuration file is valid again, and unchanged").await;
    assert_eq!(server.metric(LAST_RELOAD).await, Some(1.0));
}

#[tokio::test]
async fn flags_override_every_loaded_configuration() {
    let folder = Folder::new("overrides");
    let file = folder.write("config.yaml", LENIENT);
    let flag = format!("--config={}", file.display());
    let server = Server::of(folder, &[flag.as_str(), "--dry-run", "--harden=report"]).await;

    server.write("config.yaml", STRICT);
    let response = until("the new configuration", PATIENCE, async || {
        let response = server.ask("/validate", DENIED).await;
        response["auditAnnotations"]["dry-run"].is_string().then_some(response)
    })
    .await;

    assert_eq!(response["allowed"], true, "{response:#}");
    let warning = response["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("dry run, would deny: "), "{warning}");
    let response = server.ask("/mutate", HARDENED).await;
    assert!(response["patch"].is_null(), "{response:#}");
    assert!(response["auditAnnotations"]["would-harden"].is_string(), "{response:#}");
}
