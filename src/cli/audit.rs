//! The flags of `audit`.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    num::NonZeroU32,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

use anyhow::Context as _;
use clap::Args;

use manifest::Unreadable;
use policy::{
    config::Config,
    findings::{EarlierReport, Modes, Severity, Summary},
    pss::{FindingLimits, Level},
};

use crate::{
    audit::{self, AuditSettings, Event, Failure, ProgressLine, Templates},
    cluster, config,
    output::{About, Details, Item, Output, Report},
    sanitize,
};

use super::{
    Exit, excepted,
    offered::{forms, levels, offered},
};

/// No flag is read from the environment, except KUBECONFIG.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis audit                                  all namespaces, with your current context
  portcullis audit -n shop --config config.yaml     one namespace, under the configuration of the server
  portcullis audit -o html=audit.html               also write a report for the browser
  portcullis audit --diff yesterday.json            show what improved or degraded

Exit status: 0 no violations of the level of --fail-on that is enforced; 1 violations; 2 something could not be read.")]
pub(super) struct Flags {
    /// Path to a kubeconfig [default: $KUBECONFIG, else ~/.kube/config, else in-cluster credentials]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: the current context]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// Namespace to audit; can be repeated [default: all]
    #[arg(short, long = "namespace", value_name = "NAMESPACE", value_parser = super::namespace)]
    namespaces: Vec<String>,

    /// All namespaces, as without -n
    #[arg(short = 'A', long, overrides_with = "namespaces")]
    all_namespaces: bool,

    /// Label selector for workloads, as in kubectl. The levels that whole namespaces meet are then unknown
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,

    /// Configuration file of the server: applies its defaults and exemptions, and judges templates as the server
    /// hardens their pods
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Files or directories with PolicyExceptions in addition to those of the cluster; can be repeated
    #[arg(long, value_name = "PATH")]
    exceptions: Vec<PathBuf>,

    /// Judge templates as the server hardens their pods, even without --config
    #[arg(long)]
    assume_hardened: bool,

    /// Exit with 1 only for violations of this level where it is enforced, and report the others as warnings; with privileged, always exit with 0
    #[arg(long, value_name = "LEVEL", default_value_t = Level::Restricted, value_parser = offered(Level::from_str, levels), hide_possible_values = true)]
    fail_on: Level,

    /// Exit with 1 for lints: settings without effect
    #[arg(long)]
    fail_on_lints: bool,

    /// Show every namespace and every finding. Without it, the human format shows more than 10 namespaces, or more than 20
    /// workloads with findings, folded: each control once, and the worst workloads and namespaces
    #[arg(long)]
    details: bool,

    /// Earlier report of -o json to compare with: shows what improved or degraded
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,

    /// Output format: human, concise, json, jsonl, yaml, sarif, junit, github or html; =FILE writes to a file. Can be
    /// repeated, with one format on standard output [default: human]
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]", value_parser = offered(Output::from_str, forms), hide_possible_values = true)]
    outputs: Vec<Output>,

    /// Number of objects in a page of a list
    #[arg(long, value_name = "COUNT", default_value_t = audit::PAGE, hide = true)]
    page_size: NonZeroU32,
}

/// Runs the command.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    // kube takes its TLS provider from the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = flags.config.as_deref().map_or_else(|| Ok(Config::embedded()), config::load)?;
    let earlier = flags.diff.as_deref().map(earlier).transpose()?;
    let outputs = Output::all(&flags.outputs).map_err(anyhow::Error::msg)?;
    // One thread reads lists, the other judges.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let excepted = excepted::of_files(&flags.exceptions, &config.exceptions)?;
    let mut settings = flags.settings(config);
    runtime.block_on(async {
        let kubeconfig = flags.kubeconfig.as_deref();
        let client = cluster::connect_like_kubectl(kubeconfig, flags.context.as_deref()).await?;
        let accepted = &settings.config.exceptions;
        settings.exceptions = excepted::of_cluster(excepted, &client, accepted).await?;
        let details = if flags.details { Details::All } else { Details::Folded };
        let opened = Report::open(&outputs, About::Cluster, details);
        let report = opened.context("the report could not be written")?;
        let mut printer = EventPrinter {
            report,
            earlier,
            fails_on_lints: flags.fail_on_lints,
            unread: 0,
            line: ProgressLine::new(),
        };
        let result = audit::run(&client, &settings, async |event| printer.print(event)).await;
        Exit::reported(match result {
            Ok(()) => printer.finish(&settings),
            Err(Failure::Callback(error)) => Err(error),
            Err(error @ Failure::Api(_)) => return Err(error.into()),
        })
    })
}

impl Flags {
    fn settings(&self, config: Config) -> AuditSettings {
        let mut namespaces = self.namespaces.clone();
        namespaces.sort();
        namespaces.dedup();
        let is_hardened = self.assume_hardened || self.config.is_some();
        AuditSettings {
            config,
            exceptions: Arc::default(),
            templates: if is_hardened { Templates::AsAdmitted } else { Templates::AsWritten },
            modes: Modes::Enforce,
            namespaces,
            selector: self.selector.clone(),
            fail_on: self.fail_on,
            page: self.page_size,
            presence: None,
            caps: FindingLimits::REPORT,
        }
    }
}

fn earlier(file: &Path) -> anyhow::Result<EarlierReport> {
    let name = || file.display().to_string();
    let text = fs::read_to_string(file).with_context(name)?;
    EarlierReport::read(&text).map_err(anyhow::Error::msg).with_context(name)
}

/// Prints the events of an audit as they occur.
struct EventPrinter<'o> {
    report: Report<'o>,
    earlier: Option<EarlierReport>,
    fails_on_lints: bool,
    unread: u64,
    line: ProgressLine,
}

impl EventPrinter<'_> {
    fn print(&mut self, event: Event) -> io::Result<()> {
        if let Event::Progress(progress) = event {
            self.line.show(progress);
            return Ok(());
        }
        if io::stdout().is_terminal() {
            self.line.clear();
        }
        match event {
            Event::Namespace(mut namespace) => {
                if self.fails_on_lints {
                    let lints = namespace.lints.iter_mut();
                    lints.for_each(|lint| lint.severity = Severity::Error);
                }
                for audited in &namespace.workloads {
                    self.report.add(Item::Workload(&audited.workload, None))?;
                }
                self.report.add(Item::Namespace(&namespace))?;
                let changes = self.earlier.as_mut().map(|earlier| earlier.compare(&namespace));
                changes
                    .iter()
                    .flatten()
                    .try_for_each(|change| self.report.add(Item::Change(change)))
            }
            Event::Unread(unread) => {
                self.unread += 1;
                let why = Unreadable::whole(unread.why);
                self.report.add(Item::Unreadable(&unread.what, &why))
            }
            Event::Note(note) => {
                self.line.clear();
                // A closed standard error must not end the audit.
                let note = sanitize::one_line(&note.to_string());
                let _ = writeln!(io::stderr(), "portcullis: {note}");
                Ok(())
            }
            Event::Progress(_) => Ok(()),
        }
    }

    fn finish(mut self, settings: &AuditSettings) -> io::Result<Summary> {
        self.line.clear();
        // Objects that were not requested or could not be read do not count as deleted.
        let is_whole = settings.namespaces.is_empty() && settings.selector.is_none();
        if is_whole && self.unread == 0 {
            for change in self.earlier.into_iter().flat_map(EarlierReport::rest) {
                self.report.add(Item::Change(&change))?;
            }
        }
        self.report.finish()
    }
}
