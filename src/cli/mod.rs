//! The command line: one file a subcommand.

mod check;
mod cleanup;
mod harden;
mod healthcheck;
mod serve;
mod usage;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::dns;

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
    /// Removes from a cluster what would lock it without the server: to be run before the server goes
    Cleanup(cleanup::Flags),
    /// Proves that the webhook answers through its Service, with the trust that the API server has
    Healthcheck(healthcheck::Flags),
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
    let result = match Cli::try_parse().unwrap_or_else(usage::end).command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Check(flags) => check::run(&flags),
        Command::Harden(flags) => harden::run(&flags),
        Command::Cleanup(flags) => cleanup::run(&flags),
        Command::Healthcheck(flags) => healthcheck::run(&flags),
    };
    let exit = result.unwrap_or_else(|error| {
        // One line: what, and below which cause.
        anstream::eprintln!("portcullis: {error:#}");
        Exit::Failure
    });
    exit.into()
}

/// An object's name: it becomes part of a path.
fn object_name(text: &str) -> Result<String, &'static str> {
    let must = "must be a name: at most 253 of a-z, 0-9, - and .";
    dns::is_subdomain(text).then(|| text.to_owned()).ok_or(must)
}
