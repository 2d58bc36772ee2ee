//! All metrics in alerts and the dashboard are exposed, with the same names, labels and values.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::dashboard::expressions;
use super::rules::rules;
use super::run::Exposed;
use crate::support::{
    go::{Program, build},
    process::Folder,
};

#[tokio::test]
async fn everything_that_is_asked_for_is_exposed() {
    let Ok(promql) = build(Program::PromQl) else { return };
    let Ok(exposed) = Exposed::shared().await else { return };
    let folder = Folder::new("queries");
    let page = folder.write("page", exposed.all());

    let mut asked = expressions();
    asked.extend(rules().into_iter().map(|rule| (rule.alert, rule.expr)));
    assert!(asked.len() > 60, "{}", asked.len());
    let faults = faults(&promql, &page, &asked);
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    // Mistakes that the check must find.
    for (query, fault) in [
        ("portcullis_requests", "nothing exposes portcullis_requests"),
        ("portcullis_requests_total{hook='other'}", "no series is "),
        ("portcullis_requests_total{verdict='denied'}", "no series is "),
        ("sum by (verdict) (rate(portcullis_requests_total[5m]))", "has no label verdict"),
        ("portcullis_ready + on (hook) portcullis_ready", "has no label hook"),
        ("sum(", "parse error"),
    ] {
        let found = self::faults(&promql, &page, &[(String::new(), query.to_owned())]);
        assert!(!found.is_empty() && found.iter().all(|found| found.contains(fault)), "{found:?}");
    }
}

/// The errors in the queries, each with its purpose.
fn faults(promql: &Path, page: &Path, queries: &[(String, String)]) -> Vec<String> {
    let mut command = Command::new(promql);
    let mut child = command.arg(page).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = String::new();
    for (_, query) in queries {
        input += &serde_json::to_string(query).unwrap();
        input.push('\n');
    }
    // The answers wait in a pipe, which has room for them.
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), queries.len());
    let mut found = Vec::new();
    for ((what, query), answer) in queries.iter().zip(answers.lines()) {
        let faults: Vec<String> = serde_json::from_str(answer).unwrap();
        found.extend(faults.into_iter().map(|fault| format!("{what}: {fault} in {query}")));
    }
    found
}
