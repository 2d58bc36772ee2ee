//! Runs the program in the project's folder. Contains no assertions.

use std::process::{Command, Stdio};

use serde_json::Value;

pub(crate) use crate::support::program::Outcome;
use crate::support::program::run_with;

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command
        .arg("check")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `check` without standard input.
pub(crate) fn check(args: &[&str]) -> Outcome {
    check_with(args, b"")
}

/// Runs `check` with this standard input.
pub(crate) fn check_with(args: &[&str], input: &[u8]) -> Outcome {
    run_with(&mut command(args), input)
}

impl Outcome {
    /// The rows of `-o jsonl`, without lints.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let rows = self.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.filter(|row| row.get("rule").is_none()).collect()
    }

    /// `line name allowed` or `line error`, for each row of `-o jsonl`.
    pub(crate) fn verdicts(&self) -> Vec<String> {
        let verdicts = |row: &Value| match row.get("error") {
            Some(error) => format!("{} {}", row["line"], error.as_str().unwrap()),
            None => {
                let verdict = if row["allowed"] == true { "allowed" } else { "denied" };
                format!("{} {} {verdict}", row["line"], row["name"].as_str().unwrap())
            }
        };
        self.rows().iter().map(verdicts).collect()
    }
}

/// The ids of the controls in a row.
pub(crate) fn controls(row: &Value) -> Vec<&str> {
    let violations = row["violations"].as_array().unwrap();
    violations.iter().map(|violation| violation["control"].as_str().unwrap()).collect()
}
