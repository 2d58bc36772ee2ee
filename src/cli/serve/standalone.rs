//! `serve --standalone`: a first try without a cluster.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;

use crate::{certificates, server::Identity};

/// The file that clients verify the server with. It goes when this value goes.
pub(super) struct CaFile(PathBuf);

/// A certificate for this machine alone, and for the address that is listened on.
pub(super) fn identity(address: Option<IpAddr>) -> anyhow::Result<(Arc<Identity>, CaFile)> {
    let other = address.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let name = other.map(|ip| ip.to_string());
    let names: Vec<_> = name.iter().map(String::as_str).collect();
    let made = certificates::standalone(&names)?;
    Ok((made.identity, CaFile::write(&made.ca_pem)?))
}

impl CaFile {
    fn write(pem: &str) -> anyhow::Result<Self> {
        let name = format!("portcullis-ca-{}.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        create(&path, pem)
            .with_context(|| format!("cannot write the CA's certificate to {}", path.display()))?;
        Ok(Self(path))
    }
}

/// Others may write to the temporary directory, too: what they left under this name is not written to.
fn create(path: &Path, pem: &str) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(pem.as_bytes())
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What to try, ready to be pasted into another terminal. Without a file of ours, curl cannot know whom to trust.
pub(super) fn greet(secure: SocketAddr, admin: SocketAddr, ca: Option<&CaFile>) {
    let (secure, admin) = (reachable(secure), reachable(admin));
    let (signed, trust) = match ca {
        Some(CaFile(path)) => (
            format!("its certificate is signed by {}", path.display()),
            format!("--cacert {}", path.display()),
        ),
        None => ("its certificate is that of --tls-cert-file".to_owned(), "--insecure".to_owned()),
    };
    anstream::println!(
        "\
portcullis serves on https://{secure}, metrics and health on http://{admin}
{signed}

A pod that is denied:
  curl -s {trust} -H 'Content-Type: application/json' --data-binary @tests/reviews/denied.json https://{secure}/validate

A pod that is hardened (the patch is base64):
  curl -s {trust} -H 'Content-Type: application/json' --data-binary @tests/reviews/hardened.json https://{secure}/mutate"
    );
}

/// All addresses are no address to dial.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}
