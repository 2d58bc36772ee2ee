//! Exceptions for the commands that judge once: from files, and from the cluster that they look at.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
};

use kube::Client;

use policy::exceptions::{Exception, ExceptionSettings, Exceptions};

use crate::{exceptions, harmless, source::Source};

/// Those in files and directories, whatever namespace they are for: the user named the files. Notes on standard error
/// name what of them allows nothing.
pub(super) fn of_files(
    paths: &[PathBuf],
    settings: &ExceptionSettings,
) -> anyhow::Result<Vec<Exception>> {
    let sources = paths.iter().flat_map(|path| Source::of(path));
    let read = exceptions::read_all(sources, settings.expiry).map_err(|(source, wrong)| {
        let lines = wrong.iter().map(|wrong| match wrong.line {
            Some(line) => format!("{source}:{line}: {}", wrong.why),
            None => format!("{source}: {}", wrong.why),
        });
        anyhow::anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
    })?;
    for exception in &read {
        if let Some(note) = exception.allow.idle_note() {
            let line = harmless::one_line(&format!("PolicyException {}: {note}", exception.name));
            let _ = writeln!(io::stderr(), "portcullis: {line}");
        }
    }
    Ok(read)
}

/// Those in files, and those that the configuration honours of a cluster.
pub(super) async fn of_cluster(
    files: Vec<Exception>,
    client: &Client,
    settings: &ExceptionSettings,
) -> anyhow::Result<Arc<Exceptions>> {
    let there = exceptions::list(client, settings).await.map_err(anyhow::Error::msg)?;
    // What is in a file is what is to be tried: it takes the place of the one of its name.
    let is_replaced = |one: &&Exception| files.iter().any(|other| other.name == one.name);
    let rest: Vec<_> = there.iter().filter(|one| !is_replaced(one)).cloned().collect();
    Ok(Arc::new(files.into_iter().chain(rest).collect()))
}
