//! `portcullis config`: validates configurations offline.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use serde::Serialize;

use policy::config::Config;

use crate::{
    config::{self, ConfigError, Problem},
    sanitize,
};

use super::{Exit, print};

#[derive(Args, Debug)]
pub(super) struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that `serve` accepts a configuration, and report every problem with its position
    Validate(Validate),
}

/// No flag is read from the environment: the result depends on the file alone.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portcullis config validate config.yaml

The file holds a kind that `serve --config` reads: a Configuration of portcullis.dev, a PodSecurityConfiguration, or an \
AdmissionConfiguration that contains or names one.

Exit status: 0 the configuration is valid; 2 it is invalid or cannot be read.")]
struct Validate {
    /// Configuration file, or - for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One line for each problem: FILE:LINE:COLUMN: message
    Human,
    /// One JSON document
    Json,
}

/// Runs the command.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let Command::Validate(flags) = &flags.command;
    let result = read(&flags.file);
    match flags.output {
        Format::Human => print::text(sanitize::text(&human(&flags.file, &result)).as_bytes())?,
        Format::Json => print::text(&json(&flags.file, &result)?)?,
    };
    Ok(if result.is_ok() { Exit::Clean } else { Exit::Failure })
}

fn read(file: &Path) -> Result<Config, ConfigError> {
    if file == Path::new("-") {
        return config::load_from(io::stdin().lock(), file);
    }
    config::load(file)
}

/// One line per problem, or the modes of a valid configuration.
fn human(file: &Path, result: &Result<Config, ConfigError>) -> String {
    let mut text = String::new();
    match result {
        Ok(config) => {
            let Config { mode, defaults, .. } = config;
            let (enforce, audit, warn) = (&defaults.enforce, &defaults.audit, &defaults.warn);
            let _ = writeln!(
                text,
                "{}: valid: mode {}, enforce {enforce}, audit {audit}, warn {warn}",
                file.display(),
                mode.as_str()
            );
        }
        Err(error) => {
            for problem in &error.problems {
                let _ = writeln!(text, "{problem}");
            }
        }
    }
    text
}

/// The field names are an interface, documented in docs/operations.md.
#[derive(Serialize)]
struct Report<'r> {
    file: String,
    valid: bool,
    problems: Vec<Row<'r>>,
}

#[derive(Serialize)]
struct Row<'r> {
    file: &'r str,
    line: Option<u64>,
    column: Option<u64>,
    message: &'r str,
}

fn json(file: &Path, result: &Result<Config, ConfigError>) -> io::Result<Vec<u8>> {
    let problems = result.as_ref().err().map_or(&[][..], |error| &error.problems);
    let report = Report {
        file: file.to_string_lossy().into_owned(),
        valid: result.is_ok(),
        problems: problems.iter().map(Row::from).collect(),
    };
    let mut text = sanitize::json::to_vec(&report)?;
    text.push(b'\n');
    Ok(text)
}

impl<'r> From<&'r Problem> for Row<'r> {
    fn from(problem: &'r Problem) -> Self {
        Self {
            file: &problem.file,
            line: problem.at.map(|(line, _)| line),
            column: problem.at.map(|(_, column)| column),
            message: &problem.text,
        }
    }
}
