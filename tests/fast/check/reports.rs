//! Complete outputs in each format, and exit statuses.

use std::{io::Read as _, process::Stdio};

use insta::assert_snapshot;

use crate::check::program::{check, check_with, command};

const EVERY_KIND: &str = "tests/manifests/every-kind.yaml";

#[test]
fn people_read_what_to_set() {
    let outcome = check(&["--level", "restricted", "--details", EVERY_KIND]);
    assert_snapshot!(outcome.out);
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""));
}

#[test]
fn people_read_the_findings_of_many_workloads_folded() {
    let outcome = check(&["--level", "restricted", EVERY_KIND]);
    assert_snapshot!(outcome.out);
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""));
}

/// A pod that violates restricted, and every eleventh baseline.
fn pods(count: usize) -> String {
    let pod = |index| {
        let network = if index % 11 == 5 { "hostNetwork: true, " } else { "" };
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web-{index}}}\nspec: {{{network}containers: [{{name: a, image: a}}]}}\n---\n"
        )
    };
    (0..count).map(pod).collect()
}

#[test]
fn up_to_five_workloads_are_shown_with_their_lines() {
    let report = |args: &[&str], count| {
        check_with(&[&["--level", "restricted"], args].concat(), pods(count).as_bytes()).out
    };
    // A frame points at a line with carets.
    let frames = |text: &str| text.lines().filter(|line| line.contains("^^^")).count();
    assert_eq!(report(&[], 5), report(&["--details"], 5));
    assert!(frames(&report(&[], 5)) >= 5 * 4);
    assert_eq!(frames(&report(&[], 6)), 0);
    assert!(frames(&report(&["--details"], 6)) >= 6 * 4);
    assert!(report(&["--trace"], 6).contains("trace of Pod web-5"));
}

#[test]
fn the_findings_of_many_workloads_fit_three_screens() {
    for count in [6, 123, 2000] {
        let outcome = check_with(&["--level", "restricted"], pods(count).as_bytes());
        let lines: Vec<_> = outcome.out.lines().collect();
        assert!(lines.len() <= 72, "{count}: {}", lines.len());
        // Baseline first, although only one in eleven violates it.
        assert!(
            lines[0].starts_with("error[hostNamespaces]: host namespaces: Pod web-5"),
            "{}",
            lines[0]
        );
        let more = format!(" and {} more: --details", count - 1);
        assert_eq!(lines.iter().filter(|line| line.ends_with(&more)).count(), 4, "{}", outcome.out);
        let worst = lines.iter().position(|line| line.starts_with(" WORKLOAD")).unwrap() + 1;
        assert!(
            lines[worst].starts_with(" Pod web-5  ") && lines[worst].ends_with("-:26:1"),
            "{}",
            lines[worst]
        );
    }
    // What is not judged does not fill the screens either.
    let broken = "apiVersion: v1\nkind: Pod\nspec: 1\n---\n".repeat(500);
    let outcome = check_with(&["--level", "restricted"], (pods(123) + &broken).as_bytes());
    assert!(outcome.out.lines().count() <= 90, "{}", outcome.out);
    assert!(outcome.out.contains(" and 492 more: --details"), "{}", outcome.out);
    // Formats for machines are complete.
    for (format, per_workload) in [("concise", 4), ("jsonl", 1)] {
        let outcome = check_with(&["--level", "restricted", "-o", format], pods(22).as_bytes());
        assert_eq!(
            outcome.out.lines().count(),
            22 * per_workload + if format == "concise" { 2 } else { 0 }
        );
    }
}

#[test]
fn people_read_what_cannot_be_read() {
    let outcome = check(&["tests/manifests/broken.yaml", "tests/manifests/nowhere.yaml"]);
    assert_snapshot!(outcome.out);
    assert_eq!((outcome.status, &*outcome.err), (Some(2), ""));
}

#[test]
fn scripts_read_a_line_an_object() {
    let outcome = check(&["--level", "restricted", "-o", "jsonl", EVERY_KIND]);
    assert_snapshot!(outcome.out);
    assert_eq!((outcome.status, &*outcome.err), (Some(1), ""));
}

#[test]
fn scripts_read_one_document() {
    let outcome = check(&["-o", "json", "tests/manifests/lists.yaml"]);
    assert_snapshot!(outcome.out);
    assert_eq!((outcome.status, &*outcome.err), (Some(2), ""));
    let _: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
}

#[test]
fn what_is_clean_is_one_line() {
    let outcome = check(&["--level", "restricted", "tests/manifests/clean.yaml"]);
    let expected = "restricted:v1.37 (latest): 1 object judged, none violates it; \
                    1 object without a pod ignored\n";
    assert_eq!((outcome.status, &*outcome.out, &*outcome.err), (Some(0), expected, ""));
}

#[test]
fn an_input_without_pods_is_clean_and_reported() {
    let outcome = check(&["-"]);
    let expected = "baseline:v1.37 (latest): no pods and no pod templates found\n";
    assert_eq!((outcome.status, &*outcome.out), (Some(0), expected));
    let outcome = check(&["-o", "jsonl"]);
    assert_eq!((outcome.status, &*outcome.out), (Some(0), ""));
    let outcome = check(&["-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(document["results"], serde_json::json!([]));
    assert_eq!(document["summary"]["objects"], 0);
}

#[test]
fn a_wrong_command_line_is_status_2_and_says_what_is_allowed() {
    for (args, says) in [
        (vec!["--level", "strict"], "must be one of privileged, baseline, restricted"),
        (vec!["--policy-version", "1.30"], "must be \"latest\" or \"v1.x\""),
        (vec!["--cluster-version", "newest"], "must be \"v1.x\""),
        (vec!["-o", "xml"], "human, concise, json, jsonl, yaml, sarif, junit, github, html"),
        (vec!["-o", "json", "-o", "human"], "both go to standard output"),
        (vec!["--fail-on", "strict"], "must be one of privileged, baseline, restricted"),
        (vec!["-V", "values.yaml"], "--helm"),
        (vec!["--config", "tests/manifests/nowhere.yaml"], "tests/manifests/nowhere.yaml"),
        (vec!["--config", "tests/manifests/clean.yaml"], "tests/manifests/clean.yaml"),
        (vec!["--strict"], "--strict"),
    ] {
        let outcome = check(&args);
        assert_eq!((outcome.status, &*outcome.out), (Some(2), ""), "{args:?}");
        assert!(outcome.err.contains(says), "{args:?}: {}", outcome.err);
    }
}

#[test]
fn what_is_wrong_does_not_steer_a_terminal() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a\\e[2Jb\\nc\"}\nspec: {hostPID: true, \
               containers: [{name: \"\\e]0;x\\a\", image: a, securityContext: {privileged: true}}]}\n";
    let outcome = check_with(&["-"], pod.as_bytes());
    assert!(outcome.out.contains("Pod a [2Jb c:"), "{}", outcome.out);
    assert!(outcome.out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", outcome.out);
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let colour = |name: &str, value: &str| {
        let output = command(&[EVERY_KIND]).env(name, value).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!colour("TERM", "xterm-256color"), "a pipe is no terminal");
    assert!(colour("CLICOLOR_FORCE", "1"));
    let both = command(&[EVERY_KIND]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output();
    assert!(!both.unwrap().stdout.contains(&0x1b), "NO_COLOR comes first");
}

#[test]
fn a_reader_that_leaves_is_no_panic() {
    let manifest = std::fs::read_to_string("tests/manifests/every-kind.yaml").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.yaml");
    // More than fits into a pipe.
    std::fs::write(&file, format!("{manifest}---\n").repeat(50)).unwrap();
    let file = file.to_str().unwrap();
    for format in ["human", "json", "jsonl"] {
        let mut child = command(&["--level", "restricted", "--details", "-o", format, file])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}
