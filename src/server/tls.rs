//! The server's certificate: from files that are reloaded while serving, or made in memory.
//!
//! A new certificate applies to new connections; existing ones stay open. An invalid one does not replace the current
//! one, and is reported once in the log and in [`Identity::status`]. The wall clock determines validity, because a
//! process may have been suspended.

mod client_auth;
mod pair;
mod reloaded;
mod validity;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use client_auth::ClientAuth;
pub use pair::FileError;
pub use reloaded::Bad;
pub use validity::Validity;

use pair::Pair;
use reloaded::{Reloaded, keep_fresh};
use validity::rfc3339;

/// The files of the certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// The certificate for clients, and its source. Without one, every handshake fails.
#[derive(Debug)]
pub struct Identity(Reloaded<Pair, 2>);

/// The status for readiness and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The validity of the current certificate, if there is one.
    pub validity: Option<Validity>,
    /// Why there is no newer certificate, if one is expected.
    pub bad: Option<Bad>,
}

impl Identity {
    /// Loads the files for the first time.
    ///
    /// # Errors
    /// A file is unusable. Names the file and the problem.
    pub fn load(files: Files) -> Result<Arc<Self>, FileError> {
        Ok(Arc::new(Self(Reloaded::load([files.certificate, files.key])?)))
    }

    /// An identity without a certificate yet: [`replace`](Self::replace) provides it.
    #[must_use]
    pub fn awaited() -> Arc<Self> {
        Arc::new(Self(Reloaded::without_files(None)))
    }

    /// An identity with a fixed certificate made in memory, the server's own first in the chain.
    ///
    /// # Errors
    /// What is wrong with the certificate. One line.
    pub fn fixed(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<Self>, String> {
        let pair = Pair::new(chain, key).map_err(|error| error.to_string())?;
        Ok(Arc::new(Self(Reloaded::without_files(Some(pair)))))
    }

    /// Replaces the certificate by one made in memory, the server's own first in the chain.
    ///
    /// # Errors
    /// What is wrong with the certificate. One line. The previous one stays in use.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), String> {
        let pair = Pair::new(chain, key).map_err(|error| error.to_string())?;
        log_new(&self.0.put(pair));
        Ok(())
    }

    /// Reloads the files at this interval (usually 10 s), for as long as it is polled. Returns at once if there are no
    /// files.
    pub async fn keep_fresh(self: Arc<Self>, every: Duration) {
        if self.0.has_files() {
            keep_fresh(self, every, Self::reload).await;
        }
    }

    /// Reloads the files, and uses them if they have changed and are valid. Blocks.
    pub fn reload(&self, now: SystemTime) {
        match self.0.reload(now) {
            None => {}
            Some(Ok(pair)) => log_new(&pair),
            Some(Err(error)) => log_bad(&error),
        }
    }

    /// Reports once why an expected newer certificate is missing. One line.
    pub fn complain(&self, why: &str, now: SystemTime) {
        if self.0.note(why, now) {
            log_bad(why);
        }
    }

    /// Reports once what the identity is waiting for. One line.
    pub fn wait(&self, why: &str, now: SystemTime) {
        if self.0.note(why, now) {
            tracing::info!(why, "waiting for a certificate");
        }
    }

    /// Clears the reported problem.
    pub fn settle(&self) {
        self.0.settle();
    }

    /// The current certificate, and why there is no newer one.
    #[must_use]
    pub fn status(&self) -> Status {
        Status { validity: self.0.get().map(|pair| pair.validity), bad: self.0.bad() }
    }

    /// Whether the current certificate is valid now, for readiness.
    ///
    /// # Errors
    /// Why it is not valid. One line.
    pub fn valid(&self, now: SystemTime) -> Result<(), String> {
        let Status { validity, bad } = self.status();
        let none = || Err("there is no certificate yet".to_owned());
        validity.map_or_else(none, |validity| validity.check(now)).map_err(|why| match bad {
            Some(bad) => format!("{why}, and a newer one cannot be had: {}", bad.why),
            None => why,
        })
    }
}

fn log_new(pair: &Pair) {
    tracing::info!(not_after = rfc3339(pair.validity.until), "new certificate in force");
}

fn log_bad(error: &str) {
    tracing::error!(error, "no new certificate, the old one stays");
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.get().map(|pair| Arc::clone(&pair.key))
    }
}

/// TLS 1.2 and 1.3, HTTP/1.1 only, no client certificates.
///
/// Without session resumption: the API server never resumes sessions, and a resumed one would outlive the certificate.
///
/// # Errors
/// The crypto provider supports neither TLS version.
pub fn server_config(identity: Arc<Identity>) -> Result<Arc<ServerConfig>, rustls::Error> {
    config(identity, WebPkiClientVerifier::no_client_auth())
}

/// Like [`server_config`], but requires client certificates.
///
/// # Errors
/// The crypto provider supports neither TLS version.
pub fn mutual_config(
    identity: Arc<Identity>,
    clients: Arc<ClientAuth>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    config(identity, clients)
}

fn config(
    identity: Arc<Identity>,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
