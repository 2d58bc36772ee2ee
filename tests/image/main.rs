//! The image, without an engine that would build it: the program as the Dockerfile builds it, alone in a root of its
//! own. It builds a release, which takes minutes: `cargo test --test image -- --ignored`, as CI does.

// What clippy.toml allows in tests holds for all of it.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::certificates::Serving;
use support::client::Client;
use support::image::{Stage, static_program};
use support::process::{Folder, Process, free_port};
use support::skip::Skip;
use support::wait::{PATIENCE, until};
use tokio::net::TcpStream;

/// What the image may weigh, in bytes.
const MOST: u64 = 25_000_000;

#[test]
fn its_last_stage_is_one_program_of_user_nobody() {
    assert_eq!(
        Stage::last(),
        Stage {
            from: "scratch".to_owned(),
            user: "65532:65532".to_owned(),
            entrypoint: r#"["/portcullis"]"#.to_owned(),
            files: vec!["/portcullis".to_owned()],
            others: vec!["EXPOSE 10250 8080".to_owned()],
        }
    );
    let ignored =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.dockerignore")).unwrap();
    for needed in [
        ".cargo",
        "Cargo.lock",
        "Cargo.toml",
        "rust-toolchain.toml",
        "crates",
        "src",
        "benches",
        "tests/reviews",
    ] {
        assert!(ignored.lines().any(|line| line == format!("!{needed}")), "{needed}");
    }
}

#[tokio::test]
#[ignore = "builds a release: run by name, as .ci/run does"]
async fn the_static_program_serves_alone_in_its_root() {
    let folder = Folder::new("image");
    let program = static_program(folder.path());
    let size = fs::metadata(&program).unwrap().len();
    println!("{size} bytes");
    assert!(size < MOST, "{size} bytes");
    assert_eq!(interpreter(&fs::read(&program).unwrap()), None, "it is not static");
    if !is_root() {
        let _ = Skip::needs_if_present("root, to run the program in a root of its own");
        return;
    }
    let root = folder.path().join("root");
    for inside in ["certs", "etc"] {
        fs::create_dir_all(root.join(inside)).unwrap();
    }
    fs::copy(&program, root.join("portcullis")).unwrap();
    let serving = Serving::new(&folder);
    fs::copy(&serving.certificate, root.join("certs/tls.crt")).unwrap();
    fs::copy(&serving.key, root.join("certs/tls.key")).unwrap();
    let (port, admin) = (free_port(), free_port());
    let mut command = alone(&root);
    command.args(["serve", "--standalone"]);
    command.args([format!("--secure-port={port}"), format!("--admin-port={admin}")]);
    command.args(["--tls-cert-file=/certs/tls.crt", "--tls-private-key-file=/certs/tls.key"]);
    let mut process = Process::start(&command, &folder.path().join("log"));

    until("it to be ready", PATIENCE, async || {
        assert!(process.ended().is_none(), "{}", process.log_tail());
        let stream = TcpStream::connect(("127.0.0.1", admin)).await.ok()?;
        (Client::over(stream).get("/readyz").await.status() == 200).then_some(())
    })
    .await;
    let address = ([127, 0, 0, 1], port).into();
    let mut client = Client::connect(address, &serving.authority_pem, &[]).await.unwrap();
    let denied = include_bytes!("../../src/cli/serve/samples/denied.json");
    let answer = client.post("/validate", denied).await;

    assert_eq!(answer.status(), 200);
    assert!(answer.body.contains(r#""allowed":false"#), "{}", answer.body);
}

/// `healthcheck` dials a Service by its name: a static glibc can look one up, without the files of its own that a
/// dynamic one would load.
#[test]
#[ignore = "builds a release: run by name, as .ci/run does"]
fn the_static_program_looks_names_up() {
    if !is_root() {
        let _ = Skip::needs_if_present("root, to run the program in a root of its own");
        return;
    }
    let folder = Folder::new("image-names");
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::copy(static_program(folder.path()), root.join("portcullis")).unwrap();
    fs::copy(Serving::new(&folder).authority, root.join("ca.crt")).unwrap();
    fs::write(root.join("etc/hosts"), "127.0.0.1 portcullis.portcullis.svc\n").unwrap();
    let config = |host: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster: {{server: 'https://{host}:1', certificate-authority: /ca.crt}}\n\
             contexts:\n- name: a\n  context: {{cluster: a, user: a}}\nusers:\n- name: a\n  user: {{token: a}}\n"
        )
    };
    for (host, expected) in [
        ("portcullis.portcullis.svc", "Connection refused"),
        ("nowhere.invalid", "failed to lookup address"),
    ] {
        fs::write(root.join("kubeconfig"), config(host)).unwrap();
        let mut command = alone(&root);
        command.args([
            "cleanup",
            "--validating-webhook=a",
            "--timeout=2",
            "--kubeconfig=/kubeconfig",
        ]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

/// The program with nothing around it, as the image's user.
fn alone(root: &Path) -> Command {
    let mut command = Command::new("chroot");
    command.arg("--userspec").arg(Stage::last().user).arg(root).arg("/portcullis");
    command.env_remove("KUBERNETES_SERVICE_HOST");
    command
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// The dynamic loader that a 64-bit ELF file names.
fn interpreter(elf: &[u8]) -> Option<String> {
    const INTERPRETER: usize = 3;
    assert_eq!(&elf[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    let number = |at: usize, size: usize| {
        elf[at..at + size].iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let mut headers = (0..count).map(|index| table + index * size);
    let header = headers.find(|at| number(*at, 4) == INTERPRETER)?;
    let (start, length) = (number(header + 8, 8), number(header + 32, 8));
    Some(String::from_utf8_lossy(&elf[start..start + length]).into_owned())
}
