//! The flags of `check`.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    str::FromStr as _,
    sync::Arc,
    time::SystemTime,
};

use clap::{ArgGroup, Args};

use policy::{
    config::{Config, PROFILE_LABEL},
    exceptions::{Exception, ExceptionSettings, Exceptions},
    findings::{Policy, Summary},
    harden::MODE_LABEL,
    pss::{Level, Minor, Version},
    verdict::Form,
};

use crate::{
    cluster::{self, ClusterFacts},
    config,
    input::{self, FoundInDirectories, Rendering, Source},
    namespaces::{self, Policies},
    output::{About, Details, Output, Report},
};

use super::{
    Exit, excepted,
    exclude::Exclude,
    helm::HelmValues,
    offered::{forms, levels, offered},
};

/// No flag is read from the environment: the result depends on the command line alone.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("charts").args(["helm", "render"]).multiple(true))]
#[command(after_help = "\
Examples:
  portcullis check deploy/                                check all manifests below a directory
  portcullis check -k overlays/prod -n shop               render a kustomization, check it for a namespace
  portcullis check --helm chart/ -V values.yaml           render a chart and check it
  portcullis check deploy/ -o human -o sarif=out.sarif    also write a SARIF report

Namespaces in the input are the policy for the manifests in them, wherever in the input they are. \
Kustomize patches and containers without an image are listed and not judged: use -k to check the rendered manifests. \
Pipes and devices in directories are skipped, and links that lead out of a directory are not followed.

Exit status: 0 no violations; 1 violations of the level of --fail-on, lints with --fail-on-lints, or objects that are not judged with --fail-on-unjudged; 2 a file could not be read.")]
pub(super) struct Flags {
    /// Files, glob patterns, directories (.yaml, .yml, .json and .jsonl files, recursively, except .git), or -
    /// for standard input [default: standard input]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    exclude: Exclude,

    /// The same as PATH, as in kubectl; can be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", value_delimiter = ',')]
    files: Vec<PathBuf>,

    /// Accepted for compatibility with kubectl; directories are always read recursively
    #[arg(short = 'R', long)]
    recursive: bool,

    /// Directory with a kustomization to render with kubectl or kustomize
    #[arg(short, long, value_name = "DIRECTORY")]
    kustomize: Vec<PathBuf>,

    /// Chart to render with helm; can be repeated
    #[arg(long, value_name = "CHART")]
    helm: Vec<OsString>,

    /// Render the charts and kustomizations in directories, if helm, and kubectl or kustomize, are there
    #[arg(long)]
    render: bool,

    #[command(flatten)]
    helm_values: HelmValues,

    /// Level to check: privileged, baseline or restricted [default: the level that the configuration enforces]
    #[arg(long, value_name = "LEVEL", value_parser = offered(Level::from_str, levels), hide_possible_values = true)]
    level: Option<Level>,

    /// Version of the level: latest, or a version such as v1.25 [default: latest with --level, else from the configuration]
    #[arg(long, value_name = "VERSION")]
    policy_version: Option<Version>,

    /// Version of the cluster, such as v1.30: latest means no newer version
    #[arg(long, value_name = "VERSION", value_parser = cluster_version)]
    cluster_version: Option<Minor>,

    /// Configuration file of the server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Exit with 1 only for violations of this level, and report the others as warnings; with privileged, always exit
    /// with 0 [default: the level that is checked]
    #[arg(long, value_name = "LEVEL", value_parser = offered(Level::from_str, levels), hide_possible_values = true)]
    fail_on: Option<Level>,

    /// Exit with 1 for lints: settings without effect
    #[arg(long)]
    fail_on_lints: bool,

    /// Exit with 1 if an object has containers and its kind is not known, so that they are not judged
    #[arg(long)]
    fail_on_unjudged: bool,

    /// Check the pods as the webhook hardens them
    #[arg(long)]
    assume_hardened: bool,

    /// Show every finding with its lines. Without it, the human format shows the findings of more than 5 workloads folded:
    /// each control once, and the worst workloads. Also list what is skipped in directories
    #[arg(long)]
    details: bool,

    /// Print the inputs of each verdict: labels, floor, profile, level, version, rules, exceptions
    #[arg(long)]
    trace: bool,

    /// Namespace for manifests that set none
    #[arg(short, long, value_name = "NAME", value_parser = super::namespace)]
    namespace: Option<String>,

    /// Label of all namespaces; can be repeated. It replaces that label of Namespaces in the input, and these replace
    /// labels that --cluster reads
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,

    /// Files or directories with PolicyExceptions; can be repeated. All of them apply, also those of namespaces that the
    /// configuration does not accept exceptions from
    #[arg(long, value_name = "PATH")]
    exceptions: Vec<PathBuf>,

    /// Read namespace labels, exceptions and the version from the cluster, with your own permissions
    #[arg(long, conflicts_with = "cluster_version")]
    cluster: bool,

    /// Path to a kubeconfig [default: $KUBECONFIG, else ~/.kube/config, else in-cluster credentials]
    #[arg(long, value_name = "FILE", requires = "cluster")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: the current context]
    #[arg(long, value_name = "NAME", requires = "cluster")]
    context: Option<String>,

    /// Output format: human, concise, json, jsonl, yaml, sarif, junit, github or html; =FILE writes to a file. Can be
    /// repeated, with one format on standard output [default: human]
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]", value_parser = offered(Output::from_str, forms), hide_possible_values = true)]
    outputs: Vec<Output>,
}

/// The configuration also determines which exceptions apply, and only its author knows where it is.
const WITHOUT_CONFIG: &str = "--cluster without --config: the server's own configuration and its PolicyExceptions are not used; pass the server's configuration, as `kubectl -n portcullis get configmap portcullis -o jsonpath='{.data.config\\.yaml}'` prints it";

/// Runs the command.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let config = flags.config.as_deref().map_or_else(|| Ok(Config::embedded()), config::load)?;
    let accepted = config.exceptions.clone();
    let exceptions = excepted::of_files(&flags.exceptions, &accepted)?;
    let Flags { level, policy_version, cluster_version, .. } = *flags;
    let now = SystemTime::now();
    let mut policy = Policy::new(config, level, policy_version, cluster_version, now);
    if let Some(level) = flags.fail_on {
        policy.fail_on = level;
    }
    if flags.assume_hardened {
        policy.form = Form::Hardened;
    }
    policy.fails_on_lints = flags.fail_on_lints;
    policy.is_traced = flags.trace;
    policy.labels.others = flags.labels.iter().cloned().collect();
    policy.namespace = flags.namespace.clone().unwrap_or_default();
    if flags.cluster {
        if flags.config.is_none() {
            let _ = writeln!(io::stderr(), "portcullis: {WITHOUT_CONFIG}");
        }
        let (cluster, exceptions) = cluster_facts(flags, exceptions, &accepted)?;
        policy.labels.known = cluster.namespaces;
        policy.labels.is_of_cluster = true;
        policy.newest = cluster.newest;
        policy.exceptions = exceptions;
    } else {
        policy.exceptions = Arc::new(exceptions.into_iter().collect());
    }
    let outputs = Output::all(&flags.outputs).map_err(anyhow::Error::msg)?;
    let sources = sources(flags)?;
    let details = if flags.details || flags.trace { Details::All } else { Details::Folded };
    // A report that cannot be written is an error before anything is rendered.
    let report = Report::open(&outputs, About::Manifests(&policy), details);
    Exit::reported(report.and_then(|report| {
        let (inputs, definitions) = namespaces::scan(&sources, &policy.config)?;
        let policies = Policies::new(policy.clone(), definitions);
        let summary = crate::check::run(&inputs, &policies, report)?;
        let failing = if flags.fail_on_unjudged { summary.unjudged.values().sum() } else { 0 };
        Ok(Summary { failing: summary.failing + failing, ..summary })
    }))
}

fn cluster_facts(
    flags: &Flags,
    exceptions: Vec<Exception>,
    accepted: &ExceptionSettings,
) -> anyhow::Result<(ClusterFacts, Arc<Exceptions>)> {
    // kube takes its TLS provider from the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let kubeconfig = flags.kubeconfig.as_deref();
        let client = cluster::connect_like_kubectl(kubeconfig, flags.context.as_deref()).await?;
        let facts = ClusterFacts::read(&client).await.map_err(anyhow::Error::msg)?;
        Ok((facts, excepted::of_cluster(exceptions, &client, accepted).await?))
    })
}

fn sources(flags: &Flags) -> anyhow::Result<Vec<Source>> {
    let exclusions = flags.exclude.exclusions()?;
    let paths = flags.paths.iter().chain(&flags.files);
    let paths = paths.flat_map(|path| Source::of(path, &exclusions)).collect();
    let rendering = Rendering {
        kustomize: flags.kustomize.clone(),
        charts: flags.helm.clone(),
        options: Arc::new(flags.helm_values.arguments(flags.namespace.as_deref())),
        found: match flags.render {
            true => FoundInDirectories::Rendered,
            false => FoundInDirectories::Named,
        },
    };
    let sources = input::on_deep_stack(|| Ok(input::arrange(paths, &rendering)))?;
    let is_named = !flags.paths.is_empty() || !flags.files.is_empty() || !sources.is_empty();
    if is_named {
        return Ok(sources);
    }
    if io::stdin().is_terminal() {
        anyhow::bail!("nothing to check: name files or directories, or - for standard input");
    }
    Ok(vec![Source::Stdin])
}

/// Parses a label. It must be one that sets a policy, because others have no effect.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    if !policy::config::is_read(key) {
        return Err(format!(
            "{key:?} sets no policy: must be one of pod-security.kubernetes.io/ or portcullis.dev/ enforce, audit, warn (-version), {PROFILE_LABEL}, {MODE_LABEL}"
        ));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Parses a version of a cluster: v1.30, 1.30, v1.30.4+k3s1.
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
