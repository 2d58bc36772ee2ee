//! `serve --standalone`: a first try without a cluster.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;

use crate::server::{Identity, tls};

/// A certificate for this machine alone, its CA in a file for curl.
pub(super) fn identity() -> anyhow::Result<Arc<Identity>> {
    let made = tls::self_signed(&[])?;
    let file = ca_file();
    std::fs::write(&file, made.ca_pem)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(made.identity)
}

fn ca_file() -> PathBuf {
    std::env::temp_dir().join(format!("portcullis-ca-{}.pem", std::process::id()))
}

/// What to try, ready to be pasted into another terminal.
pub(super) fn greet(secure: SocketAddr, admin: SocketAddr) {
    let ca = ca_file();
    let ca = ca.display();
    anstream::println!(
        "\
portcullis serves on https://{secure}, metrics and health on http://{admin}
its certificate is signed by {ca}

A pod that is denied:
  curl -s --cacert {ca} -H 'Content-Type: application/json' --data-binary @tests/reviews/denied.json https://{secure}/validate

A pod that is hardened (the patch is base64):
  curl -s --cacert {ca} -H 'Content-Type: application/json' --data-binary @tests/reviews/hardened.json https://{secure}/mutate"
    );
}
