//! The command line: one file a subcommand.

mod audit;
mod check;
mod cleanup;
mod complete;
mod completion;
mod config;
mod excepted;
mod explain;
mod harden;
mod healthcheck;
mod man;
mod offered;
mod output;
mod plugin;
mod serve;
mod test;
mod usage;

use std::{env, io, process::ExitCode};

use clap::{FromArgMatches as _, Parser, Subcommand};

use crate::{dns, findings::Summary, harmless};

/// Judges pods by the Pod Security Standards, hardens them, and says beforehand what it would do.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The webhook server: /mutate and /validate over TLS, health and metrics on a second port
    Serve(Box<serve::Flags>),
    /// Judges manifests offline: pods, what holds a pod template, and lists of them
    Check(check::Flags),
    /// What the webhook would add to pods, in manifests: as a diff, as output, in place
    Harden(harden::Flags),
    /// Judges what runs in a cluster: what each namespace could enforce today, and how to get further
    Audit(audit::Flags),
    /// Unit tests of a policy: what workloads are to come to under a configuration, and whether they do
    Test(test::Flags),
    /// What a control or rule forbids, why, since when, and how to live with it
    Explain(explain::Flags),
    /// Work with a configuration of the server: check one before the server reads it
    Config(config::Flags),
    /// Removes from a cluster what would lock it without the server: to be run before the server goes
    Cleanup(cleanup::Flags),
    /// Proves that the webhook answers through its Service, with the trust that the API server has
    Healthcheck(healthcheck::Flags),
    /// A script with which a shell completes the command line
    Completion(completion::Flags),
    /// The manual's pages
    Man(man::Flags),
}

/// What the process ends with.
enum Exit {
    /// Nothing to complain of.
    Clean,
    /// There are findings.
    Findings,
    /// It could not be done.
    Failure,
}

impl Exit {
    /// What a report comes to.
    fn reported(summary: io::Result<Summary>) -> anyhow::Result<Self> {
        match summary {
            // What could not be read may hide anything: it is worse than what was found.
            Ok(summary) if summary.unreadable > 0 => Ok(Self::Failure),
            Ok(summary) if summary.failing > 0 => Ok(Self::Findings),
            Ok(_) => Ok(Self::Clean),
            // Whoever reads has seen enough. What was not judged is not clean.
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

/// Runs what the arguments say.
pub fn run() -> ExitCode {
    let (result, name) = match plugin::called(env::args_os().next().as_deref()) {
        plugin::Called::Completion => (plugin::answer(env::args_os().skip(1)), None),
        plugin::Called::Program(name) => (run_as(&name), Some(name)),
    };
    let exit = result.unwrap_or_else(|error| {
        // One line: what, and below which cause.
        let name = name.as_ref().map_or("portcullis", plugin::Name::typed);
        anstream::eprintln!("{name}: {}", harmless::text(&format!("{error:#}")));
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

/// An object's name: it becomes part of a path.
fn object_name(text: &str) -> Result<String, &'static str> {
    let must = "must be a name: at most 253 of a-z, 0-9, - and .";
    dns::is_subdomain(text).then(|| text.to_owned()).ok_or(must)
}

/// A namespace's, which becomes part of a path, too.
fn namespace(text: &str) -> Result<String, &'static str> {
    let must = "must be a namespace's name: at most 63 of a-z, 0-9 and -";
    dns::is_label(text).then(|| text.to_owned()).ok_or(must)
}
