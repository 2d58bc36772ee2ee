//! The first try: what it prints can be pasted into a terminal, and works.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::server::Server;
use crate::support::go::say;
use crate::support::process::is_installed;

#[tokio::test]
async fn it_prints_the_address_the_ca_and_two_lines_to_try() {
    let server = Server::start(&[]).await;
    let output = server.output();

    let first = format!(
        "portcullis serves on https://{}, metrics and health on http://{}",
        server.secure, server.admin
    );
    assert!(output.contains(&first), "{output}");
    assert!(server.secure.ip().is_loopback() && server.admin.ip().is_loopback());
    assert!(server.ca().starts_with("-----BEGIN CERTIFICATE-----"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = curl_lines(&output);
    let [denied, hardened] = lines[..] else { panic!("{output}") };
    for (line, path) in [(denied, "validate"), (hardened, "mutate")] {
        assert!(line.contains(&format!("--cacert {}", server.ca_file().display())), "{line}");
        assert!(line.ends_with(&format!("https://{}/{path}", server.secure)), "{line}");
        let sample = line.split('@').nth(1).unwrap().split(' ').next().unwrap();
        assert!(root.join(sample).is_file(), "{sample}");
    }
    if !is_installed("curl") {
        return say("the curl lines that standalone prints: not tried: no curl");
    }

    let denied = run(denied);
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["status"]["code"], 403);
    let hardened = run(hardened);
    assert_eq!(hardened["allowed"], true);
    let patch = STANDARD.decode(hardened["patch"].as_str().unwrap()).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    assert!(patch.as_array().is_some_and(|operations| !operations.is_empty()), "{patch}");
}

#[tokio::test]
async fn an_address_of_all_is_shown_as_one_that_can_be_dialled() {
    let server = Server::start(&["--bind-address=0.0.0.0"]).await;
    let output = server.output();
    assert!(!output.contains("://0.0.0.0"), "{output}");
    if is_installed("curl") {
        assert_eq!(run(curl_lines(&output)[0])["allowed"], false);
    }
}

fn curl_lines(output: &str) -> Vec<&str> {
    output.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect()
}

/// What a line gets for an answer, pasted into a shell at the project's root.
fn run(line: &str) -> Value {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(env!("CARGO_MANIFEST_DIR"));
    // Nothing between us and loopback.
    let output = shell.env("NO_PROXY", "*").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut review: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
    assert_eq!(review["kind"], "AdmissionReview");
    review["response"].take()
}
