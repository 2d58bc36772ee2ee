//! `config validate` predicts whether `serve` starts with a configuration.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::{
    process::{Folder, Process},
    server::command,
    wait::{PATIENCE, until},
};

const HEAD: &str = "apiVersion: portcullis.dev/v1alpha1\nkind: Configuration\n";

/// The text after the head, and the beginning of each problem.
const INVALID: [(&str, &[&str]); 6] = [
    (
        "rules: {imagetag: enforce}",
        &[":3:9: unknown field \"rules.imagetag\" (did you mean \"imageTag\"?): allowed are read"],
    ),
    (
        "rules: {imageTag: deny}",
        &[":3:19: rules.imageTag: \"deny\": must be one of off, warn, audit, enforce"],
    ),
    (
        "profiles: {x: {level: baselin}}",
        &[":3:23: profiles.x.level: \"baselin\": must be one of privileged, baseline, restricted"],
    ),
    (
        "mode: on\nfloor: {level: low}\nharden: {mode: on}\nrules: {imageTag: deny, hostPort: off}\n\
         defaults: {warn: all, audit: all}\n",
        &[
            ":3:7: mode",
            ":4:16: floor",
            ":5:16: harden",
            ":6:19: rules",
            ":6:25: unk",
            ":7:18:",
            ":7:30:",
        ],
    ),
    ("mode: [", &[":3:"]),
    ("---\na: b", &[":4:1: must hold one document"]),
];

#[tokio::test]
async fn every_problem_is_reported_and_serve_refuses_the_same() {
    let folder = Folder::new("config-validate");
    for (text, expected) in INVALID {
        let text = format!("{HEAD}{text}\n");
        let file = folder.write("config.yaml", &text);
        let (status, out) = validate(&file, &[]);
        assert_eq!(status, Some(2), "{text}{out}");
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{text}{out}");
        for (line, expected) in lines.iter().zip(expected) {
            let start = format!("{}{expected}", file.display());
            assert!(line.starts_with(&start), "{line}\ninstead of\n{start}");
        }
        assert_eq!(refusal(&folder, &file).await, in_one_line(&lines), "{text}");
    }
    let missing = folder.path().join("none.yaml");
    let (status, out) = validate(&missing, &[]);
    assert_eq!(status, Some(2));
    assert!(out.ends_with("none.yaml: cannot be read: No such file or directory (os error 2)\n"));
    assert_eq!(refusal(&folder, &missing).await, in_one_line(&[out.trim_end()]));
}

#[test]
fn a_valid_one_of_each_kind_says_what_it_does() {
    let folder = Folder::new("config-valid");
    let upstream =
        "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n";
    folder.write("pss.yaml", format!("{upstream}defaults: {{enforce: restricted}}\n"));
    let admission = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: [{name: PodSecurity, path: pss.yaml}]\n";
    let restricted =
        "mode enforce, enforce restricted:latest, audit privileged:latest, warn privileged:latest";
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies/config.yaml");
    for (file, does) in [
        (folder.write("empty.yaml", ""), "mode enforce, enforce privileged:latest"),
        (
            folder.write("own.yaml", format!("{HEAD}mode: dry-run\n")),
            "mode dry-run, enforce baseline:latest",
        ),
        (folder.path().join("pss.yaml"), restricted),
        (folder.write("admission.yaml", admission), restricted),
        (example, "mode enforce, enforce "),
    ] {
        let (status, out) = validate(&file, &[]);
        assert!(out.starts_with(&format!("{}: valid: {does}", file.display())), "{out}");
        assert_eq!((status, out.lines().count()), (Some(0), 1));
    }
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let wrong = piped(&format!("{HEAD}mode: on\n"), &[]);
    assert_eq!(
        wrong,
        (Some(2), "-:3:7: mode: \"on\": must be one of enforce, dry-run\n".to_owned())
    );
    let (status, out) = piped(HEAD, &[]);
    assert_eq!(status, Some(0));
    assert!(out.starts_with("-: valid: mode enforce, "), "{out}");
    let large = "#".repeat((1 << 20) + 1);
    let expected = "-: is larger than the 1048576 bytes that are allowed\n".to_owned();
    assert_eq!(piped(&large, &[]), (Some(2), expected));
}

#[test]
fn json_names_every_place() {
    let read = |(status, out): (Option<i32>, String)| {
        (status, serde_json::from_str::<Value>(&out).unwrap())
    };
    let wrong = format!("{HEAD}mode: on\nrules: {{imageTag: deny}}\n");
    let problem = |line, column, message: &str| json!({"file": "-", "line": line, "column": column, "message": message});
    let problems = [
        problem(3, 7, "mode: \"on\": must be one of enforce, dry-run"),
        problem(4, 19, "rules.imageTag: \"deny\": must be one of off, warn, audit, enforce"),
    ];
    let expected = json!({"file": "-", "valid": false, "problems": problems});
    assert_eq!(read(piped(&wrong, &["-o", "json"])), (Some(2), expected));
    let expected = json!({"file": "-", "valid": true, "problems": []});
    assert_eq!(read(piped(HEAD, &["-o", "json"])), (Some(0), expected));
}

/// The exit status and standard output. Standard error must be empty.
fn validate(file: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = command(["config", "validate"]);
    ended(command.args(flags).arg(file).output().unwrap())
}

fn piped(text: &str, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = command(["config", "validate", "-"]);
    command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may stop reading a text that is too large.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    ended(child.wait_with_output().unwrap())
}

fn ended(output: Output) -> (Option<i32>, String) {
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The error of `serve`.
async fn refusal(folder: &Folder, config: &PathBuf) -> String {
    let mut command = command(["serve", "--standalone", "--secure-port=0", "--admin-port=0"]);
    command.arg("--config").arg(config);
    // Logs are appended to.
    let log = folder.path().join("log");
    let _ = fs::remove_file(&log);
    let mut process = Process::start(&command, &log);
    let status = until("serve to end", PATIENCE, async || process.ended()).await;
    assert_eq!(status.code(), Some(2));
    fs::read_to_string(&log).unwrap()
}

/// The problems as `serve` prints them.
fn in_one_line(problems: &[&str]) -> String {
    let shown = problems.iter().take(5).copied().collect::<Vec<_>>().join("; ");
    let more = match problems.len().saturating_sub(5) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("portcullis: {shown}{more}\n")
}
