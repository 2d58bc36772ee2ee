//! `serve --standalone`: a server without a cluster, to try it out.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use crate::{certificates, output_file, server::Identity};

/// A review of a pod that is denied, and one of a pod that is hardened.
const SAMPLES: [(&str, &str); 2] = [
    ("denied.json", include_str!("samples/denied.json")),
    ("hardened.json", include_str!("samples/hardened.json")),
];

/// Issues a certificate for loopback and the bind address. Returns it with the PEM text of its CA.
pub(super) fn identity(address: Option<IpAddr>) -> anyhow::Result<(Arc<Identity>, String)> {
    let other = address.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let name = other.map(|ip| ip.to_string());
    let names: Vec<_> = name.iter().map(String::as_str).collect();
    Ok(certificates::standalone(&names)?)
}

/// The sample files, in a folder that only this user can write to. Dropping the value deletes it.
pub(super) struct Samples {
    folder: TempDir,
    /// The certificate of the CA, if it was generated.
    ca: Option<PathBuf>,
}

impl Samples {
    /// Writes the samples, and the CA's certificate if there is one.
    ///
    /// # Errors
    /// The folder cannot be created or written to. The server can run without it.
    pub(super) fn write(ca_pem: Option<&str>) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("portcullis-").tempdir()?;
        for (name, review) in SAMPLES {
            output_file::write(&folder.path().join(name), review.as_bytes())?;
        }
        let ca = ca_pem.map(|pem| {
            let file = folder.path().join("ca.pem");
            output_file::write(&file, pem.as_bytes()).map(|()| file)
        });
        Ok(Self { ca: ca.transpose()?, folder })
    }

    /// Commands to paste into another terminal, in any folder. Without a generated CA, curl cannot verify the server.
    fn commands(&self, secure: &str) -> String {
        let (signed, trust) = match &self.ca {
            Some(file) => (
                format!("its certificate is signed by {}", file.display()),
                format!("--cacert {}", quoted(file)),
            ),
            None => {
                ("its certificate is that of --tls-cert-file".to_owned(), "--insecure".to_owned())
            }
        };
        // A proxy could not reach this address.
        let ask = |sample: &str, path: &str| {
            let sample = quoted(&self.folder.path().join(sample));
            format!(
                "curl -s --noproxy '*' {trust} -H 'Content-Type: application/json' --data-binary @{sample} https://{secure}/{path}"
            )
        };
        format!(
            "\
{signed}

A pod that is denied:
  {}

A pod that is hardened, as the patch that is added to it:
  {} | sed 's/.*\"patch\":\"//; s/\".*//' | base64 -d",
            ask("denied.json", "validate"),
            ask("hardened.json", "mutate"),
        )
    }
}

/// Prints the addresses of the server, and commands to try.
pub(super) fn greet(secure: SocketAddr, admin: SocketAddr, samples: &std::io::Result<Samples>) {
    let (secure, admin) = (reachable(secure), reachable(admin));
    let commands = match samples {
        Ok(samples) => samples.commands(&secure),
        Err(error) => format!("no samples to try: a temporary folder cannot be written: {error}"),
    };
    anstream::println!(
        "portcullis serves on https://{secure}, metrics and health on http://{admin}\n{commands}"
    );
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Replaces the unspecified address, which clients cannot connect to.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}
