//! The flags of `harden`.

use std::{
    io::{self, IsTerminal as _, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};

use crate::{
    config::{self, Config},
    harmless::{Harmless, Styles},
    rewrite::{Colours, Form, Hardener, Summary},
    source::{self, Source},
};

use super::Exit;

/// No flag is an environment variable: what is changed depends on the command line alone.
#[derive(Args, Debug)]
#[command(
    after_help = "Patches are named and never changed, such as those that a kustomization lists, or a container without \
    an image: harden what they change. Links are followed and stay; one that leads out of the directory or pattern \
    that is named is refused.\n\nExit status: 0 done, whatever the diff shows; 1 only with --check, if there is anything to \
    harden; 2 if something could not be done. Such files are told with the reason and stay as they are; all others \
    are done."
)]
pub(super) struct Flags {
    /// Files, directories (their .yaml, .yml, .json and .jsonl files, recursively, but nothing hidden), patterns, or -
    /// for standard input; without any, standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Replace the files by what is hardened, each as a whole or not at all
    #[arg(short, long)]
    in_place: bool,

    /// Change nothing: list the files that hardening would change, and exit with 1 if there are any
    #[arg(long, conflicts_with = "in_place")]
    check: bool,

    /// What is printed: what would change, or all manifests hardened
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t, conflicts_with_all = ["in_place", "check"])]
    output: Output,

    /// The configuration whose harden block says which fields are set, and whose exempt namespaces and runtime
    /// classes are left alone, as for serve; its modes have no effect here
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is printed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// A unified diff, for git apply and patch -p1
    #[default]
    Diff,
    /// The manifests, hardened, separated by ---, without those that could not be
    Yaml,
}

/// Hardens what the paths name.
pub(super) fn run(flags: &Flags) -> anyhow::Result<Exit> {
    let config = flags.config.as_deref().map_or_else(|| Ok(Config::embedded()), config::load)?;
    let form = form(flags);
    let sources = sources(flags, form)?;
    match harden(&sources, &Hardener::new(config), form) {
        Ok(summary) => Ok(exit(&summary, form)),
        // Whoever reads has seen enough. What was not told is not done.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Failure),
        Err(error) => Err(anyhow::Error::new(error).context("the result could not be written")),
    }
}

fn form(flags: &Flags) -> Form {
    match (flags.in_place, flags.check, flags.output) {
        (true, ..) => Form::InPlace,
        (_, true, _) => Form::Check,
        (.., Output::Diff) => Form::Diff(colours()),
        (.., Output::Yaml) => Form::Yaml,
    }
}

fn colours() -> Colours {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Colours::Never,
        _ => Colours::Always,
    }
}

fn sources(flags: &Flags, form: Form) -> anyhow::Result<Vec<Source>> {
    let sources: Vec<_> = match flags.paths.as_slice() {
        [] if io::stdin().is_terminal() || form == Form::InPlace => {
            anyhow::bail!("nothing to harden: name files or directories")
        }
        [] => vec![Source::Stdin],
        paths => {
            let sources = paths.iter().flat_map(|path| Source::of(path)).collect();
            source::without_patches(sources, &[])
        }
    };
    if form == Form::InPlace && sources.contains(&Source::Stdin) {
        anyhow::bail!("standard input cannot be replaced: without --in-place, use -o yaml");
    }
    Ok(sources)
}

fn harden(sources: &[Source], hardener: &Hardener, form: Form) -> io::Result<Summary> {
    let out = io::BufWriter::with_capacity(1 << 16, io::stdout());
    let log = Harmless::new(anstream::stderr(), Styles::Removed);
    let summary = crate::rewrite::run(sources, hardener, form, out, log)?;
    told(&summary, form)?;
    Ok(summary)
}

/// What was done, in a few words, apart from the result.
fn told(summary: &Summary, form: Form) -> io::Result<()> {
    let Summary { changed, unchanged, refused, skipped, sets_non_root } = *summary;
    let done = if form == Form::InPlace { "hardened" } else { "to harden" };
    let files = if changed == 1 { "file" } else { "files" };
    let mut log = anstream::stderr();
    write!(log, "portcullis: {changed} {files} {done}, {unchanged} with nothing to add")?;
    if skipped > 0 {
        write!(log, ", {skipped} skipped")?;
    }
    if refused > 0 {
        write!(log, ", {refused} that could not be done")?;
    }
    writeln!(log)?;
    if sets_non_root {
        writeln!(
            log,
            "portcullis: with runAsNonRoot, an image that runs as root, or names its user instead of numbering it, \
             does not start: set runAsUser where that is so"
        )?;
    }
    Ok(())
}

fn exit(summary: &Summary, form: Form) -> Exit {
    if summary.refused > 0 {
        Exit::Failure
    } else if form == Form::Check && summary.changed > 0 {
        Exit::Findings
    } else {
        Exit::Clean
    }
}
