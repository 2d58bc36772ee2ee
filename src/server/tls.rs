//! The server's certificate: from files that are read again while serving, or made in memory.
//!
//! A new certificate takes effect for the connections that come after it; none is dropped. One that
//! is no good leaves the one in force, and says so once and in [`Identity::status`]. The wall
//! clock decides what is valid: a process that was suspended must notice.

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

/// Where the certificate chain and its key are, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// The certificate that is shown to clients, and where it comes from. Without one, no handshake succeeds.
#[derive(Debug)]
pub struct Identity(Reloaded<Pair, 2>);

/// For readiness and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// When the certificate in force is valid, if there is one.
    pub validity: Option<Validity>,
    /// Set when there should be a newer one and is not.
    pub bad: Option<Bad>,
}

impl Identity {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When they cannot be used now: says which file, and what is wrong with it.
    pub fn load(files: Files) -> Result<Arc<Self>, FileError> {
        Ok(Arc::new(Self(Reloaded::load([files.certificate, files.key])?)))
    }

    /// None yet: [`replace`](Self::replace) provides it.
    #[must_use]
    pub fn awaited() -> Arc<Self> {
        Arc::new(Self(Reloaded::without_files(None)))
    }

    /// One that was made in memory and stays, its own certificate first in the chain.
    ///
    /// # Errors
    /// One line: what is wrong with it.
    pub fn fixed(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<Self>, String> {
        let pair = Pair::new(chain, key).map_err(|error| error.to_string())?;
        Ok(Arc::new(Self(Reloaded::without_files(Some(pair)))))
    }

    /// Puts a certificate in force that was made in memory, its own first in the chain.
    ///
    /// # Errors
    /// One line: what is wrong with it. The one before stays in force.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), String> {
        let pair = Pair::new(chain, key).map_err(|error| error.to_string())?;
        log_new(&self.0.put(pair));
        Ok(())
    }

    /// Reads the files again every so often (10 s is usual), for as long as it is polled. Returns at once when there
    /// are no files.
    pub async fn keep_fresh(self: Arc<Self>, every: Duration) {
        if self.0.has_files() {
            keep_fresh(self, every, Self::reload).await;
        }
    }

    /// Reads the files again, and puts them in force if they have changed and are good. Blocks.
    pub fn reload(&self, now: SystemTime) {
        match self.0.reload(now) {
            None => {}
            Some(Ok(pair)) => log_new(&pair),
            Some(Err(error)) => log_bad(&error),
        }
    }

    /// Says, once, why there is no newer certificate and should be one. One line.
    pub fn complain(&self, why: &str, now: SystemTime) {
        if self.0.note(why, now) {
            log_bad(why);
        }
    }

    /// Says, once, what a certificate is waited for. One line.
    pub fn wait(&self, why: &str, now: SystemTime) {
        if self.0.note(why, now) {
            tracing::info!(why, "waiting for a certificate");
        }
    }

    /// All is well again.
    pub fn settle(&self) {
        self.0.settle();
    }

    /// What is in force, and what is wrong with what is not.
    #[must_use]
    pub fn status(&self) -> Status {
        Status { validity: self.0.get().map(|pair| pair.validity), bad: self.0.bad() }
    }

    /// For readiness: whether the certificate in force is valid now.
    ///
    /// # Errors
    /// When it is not; one line that says why.
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
/// Without session resumption: the API server never resumes, and a resumed session would outlive the
/// certificate.
///
/// # Errors
/// When the crypto provider supports neither TLS version.
pub fn server_config(identity: Arc<Identity>) -> Result<Arc<ServerConfig>, rustls::Error> {
    config(identity, WebPkiClientVerifier::no_client_auth())
}

/// As [`server_config`], for clients that can show who they are, and no others.
///
/// # Errors
/// When the crypto provider supports neither TLS version.
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
