//! The flags of `check`.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    path::PathBuf,
    str::FromStr as _,
};

use clap::Args;

use crate::{
    config::Config,
    findings::{Judges, Policy},
    manifest::Source,
    pss::{Level, Minor, Version},
    report::{About, Output, Report},
};

use super::{
    Exit,
    offered::{forms, levels, offered},
};

/// No flag is an environment variable: what is found depends on the command line alone.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// Files, directories (their .yaml, .yml, .json and .jsonl files, recursively, but nothing hidden), patterns, or -
    /// for standard input; without any, standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Directories are read recursively anyway: for those who are used to kubectl's flag
    #[arg(short = 'R', long)]
    recursive: bool,

    /// A directory with a kustomization, rendered by kubectl or kustomize
    #[arg(short, long, value_name = "DIRECTORY")]
    kustomize: Vec<PathBuf>,

    /// A chart, rendered by helm
    #[arg(long, value_name = "CHART")]
    helm: Option<OsString>,

    /// Values for the chart; can be repeated
    #[arg(short = 'f', long, value_name = "FILE", requires = "helm")]
    values: Vec<PathBuf>,

    /// The level to judge by: privileged, baseline or restricted [default: what the configuration enforces]
    #[arg(long, value_name = "LEVEL", value_parser = offered(Level::from_str, levels), hide_possible_values = true)]
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

    /// Exit with 1 only for what breaks this level, and call the rest warnings; privileged: never [default: the level
    /// that is judged by]
    #[arg(long, value_name = "LEVEL", value_parser = offered(Level::from_str, levels), hide_possible_values = true)]
    fail_on: Option<Level>,

    /// Judge the pods as they will be after hardening, as where the webhook hardens them
    #[arg(long)]
    assume_hardened: bool,

    /// The form of the report: human, concise, json, jsonl, yaml, sarif, junit, github or html; with =FILE into a file.
    /// Can be repeated, but only one form can go to standard output [default: human]
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]", value_parser = offered(Output::from_str, forms), hide_possible_values = true)]
    outputs: Vec<Output>,
}

/// Judges what the paths name.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let config = flags.config.as_deref().map_or_else(|| Ok(Config::embedded()), Config::load)?;
    let mut policy = Policy::new(config, flags.level, flags.policy_version, flags.cluster_version);
    if let Some(level) = flags.fail_on {
        policy.fail_on = level;
    }
    if flags.assume_hardened {
        policy.judges = Judges::Hardened;
    }
    let outputs = Output::all(&flags.outputs).map_err(anyhow::Error::msg)?;
    let sources = sources(flags)?;
    let report = Report::open(&outputs, About::Manifests(&policy));
    Exit::reported(report.and_then(|report| crate::check::run(&sources, &policy, report)))
}

fn sources(flags: &Flags) -> anyhow::Result<Vec<Source>> {
    let paths = flags.paths.iter().flat_map(|path| Source::of(path));
    let kustomizations = flags.kustomize.iter().map(|directory| Source::kustomize(directory));
    let chart = flags.helm.iter().map(|chart| Source::helm(chart, &flags.values));
    let sources: Vec<_> = paths.chain(kustomizations).chain(chart).collect();
    let is_named = !flags.paths.is_empty() || !sources.is_empty();
    if is_named {
        return Ok(sources);
    }
    if io::stdin().is_terminal() {
        anyhow::bail!("nothing to judge: name files or directories, or - for standard input");
    }
    Ok(vec![Source::Stdin])
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
