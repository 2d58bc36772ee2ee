//! The flags of `check`.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
};

use clap::Args;

use crate::{
    check::{Format, Policy, Report, Source, Summary},
    config::Config,
    pss::{Level, Minor, Version},
};

use super::Exit;

/// No flag is an environment variable: what is found depends on the command line alone.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Files, directories (their .yaml, .yml, .json and .jsonl files, recursively, but nothing hidden), or - for
    /// standard input; without any, standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The level to judge by: privileged, baseline or restricted [default: what the configuration enforces]
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,

    /// The version of the level: latest, or as v1.25 [default: latest with --level, else the configuration's]
    #[arg(long, value_name = "VERSION")]
    policy_version: Option<Version>,

    /// The version of the cluster, as v1.30: latest means no newer one
    #[arg(long, value_name = "VERSION", value_parser = cluster_version)]
    cluster_version: Option<Minor>,

    /// The configuration whose defaults and exemptions hold, as for serve
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The form of the report
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Format::Human)]
    output: Format,
}

/// Judges what the paths name.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let config = flags.config.as_deref().map_or_else(|| Ok(Config::embedded()), Config::load)?;
    let policy = Policy::new(config, flags.level, flags.policy_version, flags.cluster_version);
    let sources = sources(flags)?;
    match report(&sources, &policy, flags.output) {
        Ok(summary) => Ok(exit(&summary)),
        // Whoever reads has seen enough. What was not judged is not clean.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Failure),
        Err(error) => Err(anyhow::Error::new(error).context("the report could not be written")),
    }
}

fn sources(flags: &Flags) -> anyhow::Result<Vec<Source>> {
    if !flags.paths.is_empty() {
        return Ok(flags.paths.iter().flat_map(|path| Source::of(path)).collect());
    }
    if io::stdin().is_terminal() {
        anyhow::bail!("nothing to judge: name files or directories, or - for standard input");
    }
    Ok(vec![Source::Stdin])
}

fn report(sources: &[Source], policy: &Policy, format: Format) -> io::Result<Summary> {
    let out: Box<dyn Write + Send> = match format {
        Format::Human => Box::new(anstream::AutoStream::auto(io::stdout())),
        Format::Json | Format::Jsonl => Box::new(io::stdout()),
    };
    let out = io::BufWriter::with_capacity(1 << 16, out);
    crate::check::run(sources, policy, Report::new(out, format, policy))
}

fn exit(summary: &Summary) -> Exit {
    if summary.unreadable > 0 {
        Exit::Failure
    } else if summary.violating > 0 {
        Exit::Findings
    } else {
        Exit::Clean
    }
}

/// As `kubectl version` and people write it: v1.30, 1.30, v1.30.4+k3s1.
fn cluster_version(text: &str) -> Result<Minor, String> {
    let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.").and_then(|minor| {
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        let (minor, rest) = minor.split_at(digits);
        let is_end = rest.is_empty() || rest.starts_with(['.', '+', '-']);
        is_end.then(|| minor.parse().ok())?
    });
    minor.map(Minor).ok_or_else(|| "must be \"v1.x\", as kubectl version prints it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_versions_read_as_clusters_write_them() {
        for text in ["v1.30", "1.30", "v1.30.4", "v1.30.4+k3s1", "1.30+", "v1.30-eks-1"] {
            assert_eq!(cluster_version(text), Ok(Minor(30)), "{text}");
        }
        for text in ["", "v1", "v1.", "v1.x", "v2.30", "latest", "v1.30x"] {
            assert!(cluster_version(text).is_err(), "{text}");
        }
    }
}
