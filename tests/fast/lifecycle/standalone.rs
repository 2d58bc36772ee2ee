//! `serve --standalone`: the printed commands can be pasted into any terminal, and work.

use std::process::Command;

use serde_json::Value;

use crate::support::{
    process::{Folder, is_installed},
    server::Server,
    skip::Skip,
};

#[tokio::test]
async fn it_prints_the_address_the_ca_and_two_commands_to_try() {
    let mut server = Server::start(&["--drain-grace=1"]).await;
    let output = server.output();

    let first = format!(
        "portcullis serves on https://{}, metrics and health on http://{}",
        server.secure, server.admin
    );
    assert!(output.contains(&first), "{output}");
    assert!(server.secure.ip().is_loopback() && server.admin.ip().is_loopback());
    assert!(server.ca().starts_with("-----BEGIN CERTIFICATE-----"));
    let lines = curl_lines(&output);
    let [denied, hardened] = lines[..] else { panic!("{output}") };
    for (line, path) in [(denied, "validate"), (hardened, "mutate")] {
        assert!(line.contains(&format!("--cacert {}", server.ca_file().display())), "{line}");
        assert!(line.contains(&format!("https://{}/{path}", server.secure)), "{line}");
    }
    tried(&output);

    let folder = server.ca_file().parent().unwrap().to_owned();
    assert!(folder.join("denied.json").is_file());
    server.signal("TERM");
    server.ended().await;
    assert!(!folder.exists(), "{} is left", folder.display());
}

/// The folder for temporary files has a name that shells would split.
#[tokio::test]
async fn a_folder_of_any_name_will_do() {
    let server = Server::of(Folder::new("a first; user's $(try)"), &[]).await;
    tried(&server.output());
}

#[tokio::test]
async fn an_address_of_all_is_shown_as_one_that_can_be_dialled() {
    let server = Server::start(&["--bind-address=0.0.0.0"]).await;
    let output = server.output();
    assert!(!output.contains("://0.0.0.0"), "{output}");
    tried(&output);
}

/// If no folder can be written, the server runs without sample commands.
#[tokio::test]
async fn without_a_folder_for_temporary_files_it_serves_all_the_same() {
    let mut command = crate::support::server::command(["serve", "--standalone"]);
    command.args(["--secure-port=0", "--admin-port=0"]);
    let folder = Folder::new("lifecycle");
    let missing = folder.path().join("missing");
    let server = Server::run_with_temporary(folder, command, &missing).await;
    let output = server.output();
    assert!(
        output.contains("no samples to try: a temporary folder cannot be written: "),
        "{output}"
    );
    assert_eq!(server.page("/readyz").await.status(), 200);
}

/// Runs exactly the printed commands, and checks their output: a verdict and a patch.
#[track_caller]
fn tried(output: &str) {
    let lines = curl_lines(output);
    let [denied, hardened] = lines[..] else { panic!("{output}") };
    if !is_installed("curl") {
        let _ = Skip::needs_if_present("curl");
        return;
    }
    let review: Value = serde_json::from_str(&run(denied)).unwrap();
    assert_eq!(review["kind"], "AdmissionReview");
    assert_eq!(review["response"]["allowed"], false);
    assert_eq!(review["response"]["status"]["code"], 403);

    let patch: Value = serde_json::from_str(&run(hardened)).unwrap();
    let operations = patch.as_array().unwrap();
    let path = "/spec/securityContext/runAsNonRoot";
    assert!(operations.iter().any(|it| it["path"] == path && it["value"] == true), "{patch}");
}

fn curl_lines(output: &str) -> Vec<&str> {
    output.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect()
}

/// The output of a line in a shell in another folder, with a proxy that does not exist.
fn run(line: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir("/");
    for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        shell.env(proxy, "http://127.0.0.1:1");
    }
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    String::from_utf8(output.stdout).unwrap()
}
