//! The flags of `check`.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    str::FromStr as _,
    sync::Arc,
    time::SystemTime,
};

use clap::Args;

use crate::{
    cluster::{self, Surroundings},
    config::{self, Config},
    findings::Policy,
    harden::MODE_LABEL,
    policy::{self, Exception, Exceptions, Form, Honoured, PROFILE_LABEL},
    pss::{Level, Minor, Version},
    report::{About, Output, Report},
    source::{self, Source},
};

use super::{
    Exit, excepted,
    offered::{forms, levels, offered},
};

/// No flag is an environment variable: what is found depends on the command line alone.
#[derive(Args, Debug)]
#[command(
    after_help = "Patches are named and not judged, such as those that a kustomization lists, or a container without \
    an image: judge what is rendered, with -k. Pipes and devices in directories are skipped, and links to directories \
    outside of the one that is named are not followed."
)]
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

    /// Say what led to each verdict: labels, floor, profile, level, version, rules, exceptions
    #[arg(long)]
    trace: bool,

    /// Judge what says no namespace as if it were for this one
    #[arg(short, long, value_name = "NAME", value_parser = super::namespace)]
    namespace: Option<String>,

    /// Judge as in a namespace with this label; can be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,

    /// PolicyExceptions: files, or directories of them; can be repeated. All that are in them count, whatever namespaces
    /// the configuration honours them from
    #[arg(long, value_name = "PATH")]
    exceptions: Vec<PathBuf>,

    /// Take labels of namespaces, exceptions and the version from the cluster, with your own rights there
    #[arg(long, conflicts_with_all = ["labels", "cluster_version"])]
    cluster: bool,

    /// How to reach the API server [default: KUBECONFIG, else ~/.kube/config, else as a pod in the cluster]
    #[arg(long, value_name = "FILE", requires = "cluster")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "cluster")]
    context: Option<String>,

    /// The form of the report: human, concise, json, jsonl, yaml, sarif, junit, github or html; with =FILE into a file.
    /// Can be repeated, but only one form can go to standard output [default: human]
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]", value_parser = offered(Output::from_str, forms), hide_possible_values = true)]
    outputs: Vec<Output>,
}

/// Where the configuration of the server is, nobody knows but who installed it, and which exceptions are honoured stands
/// in it.
const NOT_ASKED_FOR: &str = "--cluster without --config: the cluster's own configuration and PolicyExceptions were not asked for; name the server's configuration, as `kubectl -n portcullis get configmap portcullis -o jsonpath='{.data.config\\.yaml}'` prints it";

/// Judges what the paths name.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let config = flags.config.as_deref().map_or_else(|| Ok(Config::embedded()), config::load)?;
    let honoured = config.exceptions.clone();
    let exceptions = excepted::of_files(&flags.exceptions, &honoured)?;
    let Flags { level, policy_version, cluster_version, .. } = *flags;
    let now = SystemTime::now();
    let mut policy = Policy::new(config, level, policy_version, cluster_version, now);
    if let Some(level) = flags.fail_on {
        policy.fail_on = level;
    }
    if flags.assume_hardened {
        policy.form = Form::Hardened;
    }
    policy.is_traced = flags.trace;
    policy.labels.others = flags.labels.iter().cloned().collect();
    policy.namespace = flags.namespace.clone().unwrap_or_default();
    if flags.cluster {
        if flags.config.is_none() {
            let _ = writeln!(io::stderr(), "portcullis: {NOT_ASKED_FOR}");
        }
        let (cluster, exceptions) = surroundings(flags, exceptions, &honoured)?;
        policy.labels.known = cluster.namespaces;
        policy.newest = cluster.newest;
        policy.exceptions = exceptions;
    } else {
        policy.exceptions = Arc::new(exceptions.into_iter().collect());
    }
    let outputs = Output::all(&flags.outputs).map_err(anyhow::Error::msg)?;
    let sources = sources(flags)?;
    let report = Report::open(&outputs, About::Manifests(&policy));
    Exit::reported(report.and_then(|report| crate::check::run(&sources, &policy, report)))
}

fn surroundings(
    flags: &Flags,
    exceptions: Vec<Exception>,
    honoured: &Honoured,
) -> anyhow::Result<(Surroundings, Arc<Exceptions>)> {
    // kube takes its TLS provider from the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let kubeconfig = flags.kubeconfig.as_deref();
        let client = cluster::connect_like_kubectl(kubeconfig, flags.context.as_deref()).await?;
        let surroundings = Surroundings::read(&client).await.map_err(anyhow::Error::msg)?;
        Ok((surroundings, excepted::of_cluster(exceptions, &client, honoured).await?))
    })
}

fn sources(flags: &Flags) -> anyhow::Result<Vec<Source>> {
    let paths = flags.paths.iter().flat_map(|path| Source::of(path)).collect();
    let paths = source::without_patches(paths, &flags.kustomize).into_iter();
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

/// Of those that set a policy: others would do nothing.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    if !policy::is_read(key) {
        return Err(format!(
            "{key:?} sets no policy: must be one of pod-security.kubernetes.io/ or portcullis.dev/ enforce, audit, warn (-version), {PROFILE_LABEL}, {MODE_LABEL}"
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
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
