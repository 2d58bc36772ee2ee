//! The flags of `harden`.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};

use policy::config::Config;

use crate::{
    config,
    harden::{Colours, HardenOutput, HardenTotals, Hardener},
    input::{self, Rendering, Source},
    namespaces::{self, Input},
    sanitize::{Harmless, Styles},
};

use super::{Exit, exclude::Exclude};

/// No flag is read from the environment: the result depends on the command line alone.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis harden deploy/ | less      show the changes as a diff
  portcullis harden -i deploy/          change the files
  portcullis harden --check deploy/     fail in CI if a file needs changes

Pods whose Namespace is in the input and switches hardening off, with the label portcullis.dev/harden=off or by being \
privileged in every mode, are listed and left unchanged. \
Kustomize patches and containers without an image are listed and never changed: harden the manifests that they change. \
Symbolic links are followed; a link that leads out of the given directory or pattern is an error.

Exit status: 0 success, whatever the diff shows; 1 only with --check, if a file needs changes; 2 a file could not be \
hardened. Such files are reported and left unchanged; all others are hardened.")]
pub(super) struct Flags {
    /// Files, glob patterns, directories (.yaml, .yml, .json and .jsonl files, recursively, except .git), or -
    /// for standard input [default: standard input]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The same as PATH, as in kubectl; can be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", value_delimiter = ',')]
    files: Vec<PathBuf>,

    /// Change the files in place, each atomically
    #[arg(short, long)]
    in_place: bool,

    /// Change nothing; list the files that need changes, and exit with 1 if there are any
    #[arg(long, conflicts_with = "in_place")]
    check: bool,

    #[command(flatten)]
    exclude: Exclude,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, conflicts_with_all = ["in_place", "check"])]
    output: Output,

    /// Configuration file of the server: its harden block selects the fields, and its exempt namespaces and runtime
    /// classes are left unchanged; its modes have no effect
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The output format.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// A unified diff, for git apply and patch -p1
    #[default]
    Diff,
    /// The hardened manifests, separated by ---, without those that could not be hardened
    Yaml,
}

/// Runs the command.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let config = flags.config.as_deref().map_or_else(|| Ok(Config::embedded()), config::load)?;
    let form = form(flags);
    let sources = sources(flags, form)?;
    let (inputs, namespaces) = namespaces::scan(&sources, &config)?;
    let hardener = Hardener::new(config).with_namespaces(namespaces);
    match harden(&inputs, &hardener, form) {
        Ok(summary) => Ok(exit(&summary, form)),
        // The reader closed the pipe. Manifests that were not printed are not hardened.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Failure),
        Err(error) => Err(anyhow::Error::new(error).context("the result could not be written")),
    }
}

fn form(flags: &Flags) -> HardenOutput {
    match (flags.in_place, flags.check, flags.output) {
        (true, ..) => HardenOutput::InPlace,
        (_, true, _) => HardenOutput::Check,
        (.., Output::Diff) => HardenOutput::Diff(colours()),
        (.., Output::Yaml) => HardenOutput::Yaml,
    }
}

fn colours() -> Colours {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Colours::Never,
        _ => Colours::Always,
    }
}

fn sources(flags: &Flags, form: HardenOutput) -> anyhow::Result<Vec<Source>> {
    let paths: Vec<_> = flags.paths.iter().chain(&flags.files).collect();
    let sources: Vec<_> = match paths.as_slice() {
        [] if io::stdin().is_terminal() || form == HardenOutput::InPlace => {
            anyhow::bail!("nothing to harden: name files or directories")
        }
        [] => vec![Source::Stdin],
        paths => {
            let exclusions = flags.exclude.exclusions()?;
            let sources = paths.iter().flat_map(|path| Source::of(path, &exclusions)).collect();
            input::on_deep_stack(|| Ok(input::arrange(sources, &Rendering::default())))?
        }
    };
    if form == HardenOutput::InPlace && sources.contains(&Source::Stdin) {
        anyhow::bail!("standard input cannot be replaced: without --in-place, use -o yaml");
    }
    Ok(sources)
}

fn harden(
    inputs: &[Input<'_>],
    hardener: &Hardener,
    form: HardenOutput,
) -> io::Result<HardenTotals> {
    let out = io::BufWriter::with_capacity(1 << 16, io::stdout());
    let log = Harmless::new(anstream::stderr(), Styles::Removed);
    let summary = crate::harden::run(inputs, hardener, form, out, log)?;
    print_summary(&summary, form)?;
    Ok(summary)
}

/// Prints the totals to standard error.
fn print_summary(summary: &HardenTotals, form: HardenOutput) -> io::Result<()> {
    let HardenTotals { changed, unchanged, refused, skipped, sets_non_root, .. } = *summary;
    let done = if form == HardenOutput::InPlace { "hardened" } else { "to harden" };
    let files = if changed == 1 { "file" } else { "files" };
    let mut log = anstream::stderr();
    write!(log, "portcullis: {changed} {files} {done}, {unchanged} with nothing to add")?;
    if skipped > 0 {
        write!(log, ", {skipped} skipped")?;
    }
    if refused > 0 {
        write!(log, ", {refused} failed")?;
    }
    writeln!(log)?;
    if let Some(line) = summary.counted.line(" not rendered: harden changes only files") {
        writeln!(log, "portcullis: {line}")?;
    }
    if sets_non_root {
        writeln!(
            log,
            "portcullis: with runAsNonRoot, an image that runs as root, or that sets its user by name, does not start: \
             set runAsUser for it"
        )?;
    }
    Ok(())
}

fn exit(summary: &HardenTotals, form: HardenOutput) -> Exit {
    if summary.refused > 0 {
        Exit::Failure
    } else if form == HardenOutput::Check && summary.changed > 0 {
        Exit::Findings
    } else {
        Exit::Clean
    }
}
