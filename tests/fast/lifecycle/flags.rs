//! Every flag can be set by an environment variable.

use crate::support::{
    process::Folder,
    server::{DENIED, Server, command},
};

#[test]
fn each_flag_names_its_variable() {
    let output = command(["serve", "--help"]).output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    let mut options: Vec<&str> = help.split("\n      --").skip(1).collect();
    let last = options.last_mut().unwrap();
    *last = last.split("\n  -h, --help").next().unwrap();

    for text in &options {
        // Long lines are wrapped.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = text.split(' ').next().unwrap();
        let variable = format!("PORTCULLIS_{}", name.to_uppercase().replace('-', "_"));
        assert!(text.contains(&format!("[env: {variable}=")), "{name}:\n{text}");
    }
    let names: Vec<_> =
        options.iter().map(|text| text.split([' ', '\n']).next().unwrap()).collect();
    for promised in [
        "config",
        "kubeconfig",
        "bind-address",
        "secure-port",
        "tls-cert-file",
        "tls-private-key-file",
        "admin-port",
        "dry-run",
        "log-format",
        "log-level",
        "standalone",
    ] {
        assert!(names.contains(&promised), "{promised} is not among {names:?}");
    }
}

#[tokio::test]
async fn variables_do_what_flags_do() {
    let mut command = command(["serve"]);
    for (name, value) in [
        ("STANDALONE", "true"),
        ("SECURE_PORT", "0"),
        ("ADMIN_PORT", "0"),
        ("BIND_ADDRESS", "127.0.0.1"),
        ("DRY_RUN", "true"),
        ("LOG_FORMAT", "json"),
    ] {
        command.env(format!("PORTCULLIS_{name}"), value);
    }
    let server = Server::run(Folder::new("variables"), command).await;

    let response = server.ask("/validate", DENIED).await;

    assert_eq!(response["allowed"], true);
    assert!(response["auditAnnotations"]["dry-run"].is_string(), "{response:#}");
}

#[tokio::test]
async fn a_flag_stands_above_its_variable() {
    let mut command = command(["serve", "--standalone", "--secure-port=0", "--admin-port=0"]);
    command.arg("--harden=off").env("PORTCULLIS_HARDEN", "apply");
    let server = Server::run(Folder::new("precedence"), command).await;

    let response = server.ask("/mutate", crate::support::server::HARDENED).await;

    assert!(response["patch"].is_null(), "{response:#}");
}

#[test]
fn help_and_version_are_no_errors() {
    for (args, expected) in [
        (&["--help"][..], "Usage: portcullis"),
        (&["serve", "--help"], "Usage: portcullis serve"),
        (&["--version"], concat!("portcullis ", env!("CARGO_PKG_VERSION"))),
    ] {
        let output = command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{text}");
        assert!(output.stderr.is_empty());
    }
}
