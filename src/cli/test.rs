//! The flags of `test`.

use std::{io, path::PathBuf, str::FromStr as _};

use clap::{Args, ValueEnum as _, builder::PossibleValue};

use crate::{
    input::{self, Exclusions},
    output::{
        Format, Output,
        suites::{FORMATS, ShownTraces, Suites, Total},
    },
    policy_test,
};

use super::{Exit, exclude::Exclude, offered::offered};

/// No flag is read from the environment: the result depends on files alone.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis test                    run every portcullis-test.yaml below the current directory
  portcullis test policy/ --trace    print the inputs of every verdict

Exit status: 0 all tests passed; 1 a test failed; 2 a test could not be run. See docs/policies.md for the format of a \
test file.")]
pub(super) struct Flags {
    /// Test files, or directories that are searched for portcullis-test.yaml, except .git
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    exclude: Exclude,

    /// Print the inputs of every verdict, not only of unexpected ones
    #[arg(long)]
    trace: bool,

    /// Output format: human, json or junit; =FILE writes to a file. Can be repeated, with one format on standard output
    /// [default: human]
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]", value_parser = offered(output, forms), hide_possible_values = true)]
    outputs: Vec<Output>,
}

/// Runs the command.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let outputs = Output::all(&flags.outputs).map_err(anyhow::Error::msg)?;
    let traces = if flags.trace { ShownTraces::OfAll } else { ShownTraces::OfFailures };
    match tested(&flags.paths, &flags.exclude.exclusions()?, &outputs, traces) {
        // A test that could not run may hide any failure, so it outweighs failures.
        Ok(total) if total.errors > 0 => Ok(Exit::Failure),
        Ok(total) if total.failed > 0 => Ok(Exit::Findings),
        Ok(_) => Ok(Exit::Clean),
        // The reader closed the pipe. Tests that were not run have not passed.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Failure),
        Err(error) => Err(anyhow::Error::new(error).context("the report could not be written")),
    }
}

fn tested(
    paths: &[PathBuf],
    exclusions: &Exclusions,
    outputs: &[Output],
    traces: ShownTraces,
) -> io::Result<Total> {
    let mut report = Suites::open(outputs, traces)?;
    input::on_deep_stack(|| {
        let sources = paths.iter().flat_map(|path| policy_test::sources(path, exclusions));
        sources
            .map(|source| policy_test::run(&source))
            .try_for_each(|tested| report.add(&tested))?;
        report.finish()
    })
}

fn output(text: &str) -> Result<Output, String> {
    let output = Output::from_str(text).ok().filter(|output| FORMATS.contains(&output.format));
    let names: Vec<_> = forms().iter().map(|form| form.get_name().to_owned()).collect();
    output.ok_or_else(|| {
        format!("must be FORMAT or FORMAT=FILE, where FORMAT is one of {}", names.join(", "))
    })
}

fn forms() -> Vec<PossibleValue> {
    FORMATS.iter().filter_map(Format::to_possible_value).collect()
}
