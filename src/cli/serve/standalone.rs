//! `serve --standalone`: a first try without a cluster.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use crate::{certificates, output_file, server::Identity};

/// A review of a pod that is denied, and one of a pod that is hardened. Each file's name is what becomes of the pod.
const SAMPLES: [(&str, &str); 2] = [
    ("denied.json", include_str!("samples/denied.json")),
    ("hardened.json", include_str!("samples/hardened.json")),
];

/// A certificate for this machine alone and for the address that is listened on, and the PEM text of the CA that signed
/// it.
pub(super) fn identity(address: Option<IpAddr>) -> anyhow::Result<(Arc<Identity>, String)> {
    let other = address.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let name = other.map(|ip| ip.to_string());
    let names: Vec<_> = name.iter().map(String::as_str).collect();
    Ok(certificates::standalone(&names)?)
}

/// The files that a first try needs, in a folder that only this user can write to. It goes when this value goes.
pub(super) struct Trial {
    folder: TempDir,
    /// The certificate of the CA, where the server's own certificate is signed by it.
    ca: Option<PathBuf>,
}

impl Trial {
    /// Writes the samples, and the CA's certificate where there is one.
    ///
    /// # Errors
    /// No folder can be made or written to, which keeps nobody from serving.
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

    /// What to try, ready to be pasted into another terminal, in whatever folder. Without a CA of ours, curl cannot know
    /// whom to trust.
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
        // No proxy can reach this address.
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

/// Says where the server is, and what to try.
pub(super) fn greet(secure: SocketAddr, admin: SocketAddr, trial: &std::io::Result<Trial>) {
    let (secure, admin) = (reachable(secure), reachable(admin));
    let commands = match trial {
        Ok(trial) => trial.commands(&secure),
        Err(error) => format!("no samples to try: a temporary folder cannot be written: {error}"),
    };
    anstream::println!(
        "portcullis serves on https://{secure}, metrics and health on http://{admin}\n{commands}"
    );
}

/// A path as a shell reads it back.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// All addresses are no address to dial.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}
