//! The command line: one file a subcommand.

mod audit;
mod check;
mod cleanup;
mod complete;
mod completion;
mod config;
mod excepted;
mod exclude;
mod explain;
mod harden;
mod healthcheck;
mod helm;
mod man;
mod offered;
mod plugin;
mod print;
mod serve;
mod test;
mod usage;

use std::{env, io, process::ExitCode};

use clap::{FromArgMatches as _, Parser, Subcommand};

use policy::{dns, findings::Summary};

use crate::sanitize;

/// Pod Security Standards for Kubernetes: enforce them in the cluster, check manifests, harden pods
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the admission webhook server
    Serve(Box<serve::Flags>),
    /// Check manifests offline
    Check(Box<check::Flags>),
    /// Add the missing security settings to manifests
    Harden(harden::Flags),
    /// Audit the workloads of a cluster: which level each namespace meets, and what to fix
    Audit(audit::Flags),
    /// Run policy tests
    Test(test::Flags),
    /// Explain a control or a rule: what it forbids, why, and how to fix it
    Explain(explain::Flags),
    /// Validate a configuration of the server
    Config(config::Flags),
    /// Delete the webhook configurations before uninstalling
    Cleanup(cleanup::Flags),
    /// Check that the webhook answers through its Service, using the API server's caBundle
    Healthcheck(healthcheck::Flags),
    /// Generate shell completions
    Completion(completion::Flags),
    /// Generate manual pages
    Man(man::Flags),
}

const EXAMPLES: &str = "\
Examples:
  portcullis serve --standalone        try the webhook on this machine, without a cluster
  portcullis check deploy/             check the manifests in a directory
  portcullis harden -i deploy/         add the missing settings to them
  portcullis audit                     find what blocks each namespace from the next level
  portcullis explain runAsNonRoot      read about a control";

/// The exit status of the process.
enum Exit {
    /// 0: success, no findings.
    Clean,
    /// 1: there are findings.
    Findings,
    /// 2: something could not be read or done.
    Failure,
}

impl Exit {
    /// The exit status of a report.
    fn reported(summary: io::Result<Summary>) -> anyhow::Result<Self> {
        match summary {
            // An unreadable file may hide any finding, so it outweighs the findings.
            Ok(summary) if summary.unreadable > 0 => Ok(Self::Failure),
            Ok(summary) if summary.failing > 0 || summary.failing_lints > 0 => Ok(Self::Findings),
            Ok(_) => Ok(Self::Clean),
            // The reader closed the pipe. Workloads that were not judged are not clean.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Self::Failure),
            Err(error) => Err(anyhow::Error::new(error).context("the report could not be written")),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Clean => Self::SUCCESS,
            Exit::Findings => Self::from(1),
            Exit::Failure => Self::from(2),
        }
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let (result, name) = match plugin::called(env::args_os().next().as_deref()) {
        plugin::Called::Completion => (plugin::answer(env::args_os().skip(1)), None),
        plugin::Called::Program(name) => (run_as(&name), Some(name)),
    };
    let exit = result.unwrap_or_else(|error| {
        // The error and its causes, in one line.
        let name = name.as_ref().map_or("portcullis", plugin::Name::typed);
        anstream::eprintln!("{name}: {}", sanitize::text(&format!("{error:#}")));
        Exit::Failure
    });
    exit.into()
}

fn run_as(name: &plugin::Name) -> anyhow::Result<Exit> {
    match parse(name).unwrap_or_else(|error| usage::end(error, name.typed())).command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Check(flags) => check::run(&flags),
        Command::Harden(flags) => harden::run(&flags),
        Command::Audit(flags) => audit::run(&flags),
        Command::Test(flags) => test::run(&flags),
        Command::Explain(flags) => explain::run(&flags),
        Command::Config(flags) => config::run(&flags),
        Command::Cleanup(flags) => cleanup::run(&flags),
        Command::Healthcheck(flags) => healthcheck::run(&flags),
        Command::Completion(flags) => completion::run(&flags, name),
        Command::Man(flags) => man::run(&flags, name),
    }
}

fn parse(name: &plugin::Name) -> Result<Cli, clap::Error> {
    let mut command = name.command();
    let mut matches = command.try_get_matches_from_mut(env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Checks an object's name, because it becomes part of a path.
fn object_name(text: &str) -> Result<String, &'static str> {
    let must = "must be a name: at most 253 of a-z, 0-9, - and .";
    dns::is_subdomain(text).then(|| text.to_owned()).ok_or(must)
}

/// Checks a namespace's name, because it becomes part of a path.
fn namespace(text: &str) -> Result<String, &'static str> {
    let must = "must be a namespace's name: at most 63 of a-z, 0-9 and -";
    dns::is_label(text).then(|| text.to_owned()).ok_or(must)
}
