//! Errors at startup: one line with the problem, the place and the allowed values, and exit status 2.

use std::net::TcpListener;

use crate::support::{
    certificates::Serving,
    process::{Folder, Process},
    server::command,
    wait::{PATIENCE, until},
};

/// Flags, how the line begins, and what it contains.
type Row = (&'static str, &'static str, &'static [&'static str]);

const TLS: &str = "--tls-cert-file=DIR/tls.crt --tls-private-key-file=DIR/tls.key";

/// `DIR` is the test's folder, `PORT` a port in use, `TLS` a valid certificate.
const ROWS: [Row; 25] = [
    (
        "--secure-prt=1",
        "unexpected argument '--secure-prt' found",
        &["tip: a similar argument exists"],
    ),
    ("--standalone extra", "unexpected argument 'extra' found", &["'--help'"]),
    (
        "--standalone --harden=hard",
        "invalid value 'hard' for '--harden",
        &["auto, apply, report, off"],
    ),
    (
        "--standalone --secure-port=99999",
        "invalid value '99999' for '--secure-port",
        &["0 to 65535"],
    ),
    (
        "--standalone --memory-limit=64Mi",
        "invalid value '64Mi' for '--memory-limit",
        &["at least 33554432 (32 MiB), or 0"],
    ),
    (
        "--standalone --log-level=inof",
        "invalid value 'inof' for '--log-level",
        &["info, debug, trace"],
    ),
    (
        "--standalone --kubeconfig=x",
        "the argument '--standalone' cannot be used with '--kubeconfig",
        &[],
    ),
    (
        "--tls-cert-file=x",
        "the following required arguments were not provided: --tls-private-key-file",
        &[],
    ),
    ("", "no certificate: set --tls-cert-file and --tls-private-key-file", &["--standalone"]),
    (
        "--standalone --config=DIR/none.yaml",
        "DIR/none.yaml",
        &["cannot be read: No such file or directory"],
    ),
    ("--standalone --config=DIR", "DIR", &["cannot be read: Is a directory"]),
    (
        "--standalone --config=DIR/unknown.yaml",
        "DIR/unknown.yaml:3",
        &["exempt", "defaults, exemptions"],
    ),
    (
        "--standalone --config=DIR/value.yaml",
        "DIR/value.yaml:3",
        &["privileged, baseline, restricted"],
    ),
    (
        "--standalone --config=DIR/two.yaml",
        "DIR/two.yaml:3",
        &[": \"on\": must be one of enforce, dry-run", "two.yaml:4"],
    ),
    ("--standalone --config=DIR/tls.key", "DIR/tls.key", &[]),
    (
        "--tls-cert-file=DIR/none --tls-private-key-file=DIR/tls.key",
        "cannot read DIR/none: ",
        &["No such file"],
    ),
    (
        "--tls-cert-file=DIR/tls.key --tls-private-key-file=DIR/tls.key",
        "DIR/tls.key: holds PRIVATE KEY",
        &["wanted a PEM section CERTIFICATE"],
    ),
    (
        "--tls-cert-file=DIR/ca.crt --tls-private-key-file=DIR/tls.key",
        "the key in DIR/tls.key is not that of the certificate in DIR/ca.crt",
        &[],
    ),
    ("TLS", "not in a cluster: ", &["must run in a pod", "or be given a kubeconfig"]),
    (
        "TLS --kubeconfig=DIR/none",
        "kubeconfig DIR/none: ",
        &["No such file", "must be a kubeconfig"],
    ),
    ("TLS --kubeconfig=DIR/tls.key", "kubeconfig DIR/tls.key: ", &["must be a kubeconfig"]),
    ("TLS --kubeconfig=DIR/empty.yaml", "kubeconfig DIR/empty.yaml: ", &["current context"]),
    (
        "--standalone --secure-port=PORT",
        "cannot listen on 127.0.0.1 port PORT: ",
        &["--secure-port a port that is free", "in use"],
    ),
    (
        "--standalone --admin-port=PORT",
        "cannot listen on 127.0.0.1 port PORT: ",
        &["--admin-port a port that is free", "in use"],
    ),
    (
        "--standalone --bind-address=192.0.2.1",
        "cannot listen on 192.0.2.1 port 0: ",
        &["--bind-address must be an address of this machine"],
    ),
];

const HEAD: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n";

#[tokio::test]
async fn errors_are_one_line_and_the_exit_status_is_2() {
    let folder = Folder::new("bad-start");
    let key = std::fs::read_to_string(Serving::new(&folder).key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    folder.write("unknown.yaml", format!("{HEAD}exempt: []\n"));
    folder.write("value.yaml", format!("{HEAD}defaults: {{enforce: strict}}\n"));
    folder.write("two.yaml", format!("{HEAD}mode: on\ndefaults: {{enforce: strict}}\n"));
    folder.write("empty.yaml", "apiVersion: v1\nkind: Config\n");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = folder.path().to_str().unwrap();
    let fill = |text: &str| text.replace("TLS", TLS).replace("DIR", dir).replace("PORT", &port);

    let mut wrong = Vec::new();
    for (flags, start, parts) in ROWS {
        let line = refusal(&folder, &fill(flags), &[]).await;
        let start = format!("portcullis: {}", fill(start));
        let says_twice = line.matches("(os error").count() > 1;
        let says_all = line.starts_with(&start) && parts.iter().all(|part| line.contains(part));
        if !says_all || says_twice || line.contains(&secret[..16]) {
            wrong.push(format!("{flags}\n{line}instead of\n{start} ... {parts:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn a_variable_is_as_strict_as_its_flag() {
    let folder = Folder::new("bad-variables");
    for (name, value, expected) in [
        ("PORTCULLIS_HARDEN", "maybe", "must be one of auto, apply, report, off"),
        ("PORTCULLIS_DRY_RUN", "perhaps", "[possible values: true, false]"),
        ("PORTCULLIS_DRAIN_GRACE", "soon", "must be a whole number"),
    ] {
        let line = refusal(&folder, "--standalone", &[(name, value)]).await;
        assert!(line.contains(value) && line.contains(expected), "{line}");
    }
}

/// The error of `serve` with these flags, and free ports unless they are set.
async fn refusal(folder: &Folder, flags: &str, variables: &[(&str, &str)]) -> String {
    let mut command = command(["serve"]);
    command.args(flags.split_whitespace());
    for flag in ["--secure-port", "--admin-port"] {
        if !flags.contains(flag) {
            command.arg(format!("{flag}=0"));
        }
    }
    command.envs(variables.iter().copied());
    let log = folder.path().join("log");
    let _ = std::fs::remove_file(&log);
    let mut process = Process::start(&command, &log);
    let status =
        until(&format!("`serve {flags}` to end"), PATIENCE, async || process.ended()).await;
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(status.code(), Some(2), "{flags}: {text}");
    assert_eq!(text.lines().count(), 1, "{flags}:\n{text}");
    text
}
