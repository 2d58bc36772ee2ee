//! Exceptions for the commands that judge once: from files, and from the cluster that they look at.

use std::{path::PathBuf, sync::Arc};

use anyhow::bail;
use kube::Client;

use crate::{
    exceptions::{self, Settings},
    manifest::Source,
    policy::{Exception, Exceptions},
};

/// Those in files and directories. Whoever names a file means it: it does not matter for which namespace it is.
pub(super) fn of_files(paths: &[PathBuf], settings: &Settings) -> anyhow::Result<Vec<Exception>> {
    let mut all: Vec<Exception> = Vec::new();
    for source in paths.iter().flat_map(|path| Source::of(path)) {
        let text = source.read().map_err(|why| anyhow::anyhow!("{source}: {why}"))?;
        let read = exceptions::read(&text, settings.expiry).map_err(|errors| {
            let lines = errors.iter().map(|error| match error.line {
                Some(line) => format!("{source}:{line}: {}", error.why),
                None => format!("{source}: {}", error.why),
            });
            anyhow::anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
        })?;
        if let Some(twice) = read.iter().find(|one| all.iter().any(|two| two.name == one.name)) {
            bail!("{source}: PolicyException {} stands in another file, too", twice.name);
        }
        all.extend(read);
    }
    Ok(all)
}

/// Those in files, and those that the configuration honours of a cluster.
pub(super) async fn of_cluster(
    files: Vec<Exception>,
    client: &Client,
    settings: &Settings,
) -> anyhow::Result<Arc<Exceptions>> {
    let there = exceptions::list(client, settings).await.map_err(anyhow::Error::msg)?;
    // What is in a file is what is to be tried: it takes the place of the one of its name.
    let is_replaced = |one: &&Exception| files.iter().any(|other| other.name == one.name);
    let rest: Vec<_> = there.iter().filter(|one| !is_replaced(one)).cloned().collect();
    Ok(Arc::new(files.into_iter().chain(rest).collect()))
}
