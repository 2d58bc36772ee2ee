//! PolicyExceptions for `check` and `audit`, from files and from the cluster.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    sync::Arc,
};

use kube::Client;

use policy::exceptions::{Exception, ExceptionSettings, Exceptions};

use crate::{
    exceptions,
    input::{Exclusions, Source},
    sanitize,
};

/// Reads the exceptions in files and directories. All apply, in any namespace, because the user named the files. Warns
/// on standard error about parts that allow nothing.
pub(super) fn of_files(
    paths: &[PathBuf],
    settings: &ExceptionSettings,
) -> anyhow::Result<Vec<Exception>> {
    let sources = paths.iter().flat_map(|path| Source::of(path, &Exclusions::default()));
    let read = exceptions::read_all(sources, settings.expiry).map_err(|(source, wrong)| {
        let lines = wrong.iter().map(|wrong| match wrong.line {
            Some(line) => format!("{source}:{line}: {}", wrong.why),
            None => format!("{source}: {}", wrong.why),
        });
        anyhow::anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
    })?;
    for exception in &read {
        if let Some(note) = exception.allow.idle_note() {
            let line = sanitize::one_line(&format!("PolicyException {}: {note}", exception.name));
            let _ = writeln!(io::stderr(), "portcullis: {line}");
        }
    }
    Ok(read)
}

/// Adds the exceptions in the cluster that apply by the configuration.
pub(super) async fn of_cluster(
    files: Vec<Exception>,
    client: &Client,
    settings: &ExceptionSettings,
) -> anyhow::Result<Arc<Exceptions>> {
    let listed = exceptions::list(client, settings).await.map_err(anyhow::Error::msg)?;
    // An exception in a file replaces the one with its name, so that users can try a change.
    let is_replaced = |one: &&Exception| files.iter().any(|other| other.name == one.name);
    let rest: Vec<_> = listed.iter().filter(|one| !is_replaced(one)).cloned().collect();
    Ok(Arc::new(files.into_iter().chain(rest).collect()))
}
