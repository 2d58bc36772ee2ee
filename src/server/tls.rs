//! The server's certificate: from files that are read again while serving, or made in memory.
//!
//! A new certificate takes effect for the connections that come after it; none is dropped. One that
//! is no good leaves the one in force, and says so once and in [`Identity::status`]. The wall
//! clock decides what is valid: a process that was suspended must notice.

mod client_auth;
mod pair;
mod trouble;
mod validity;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub use client_auth::ClientAuth;
pub use pair::PairError;
pub use trouble::Bad;
pub use validity::Validity;

use pair::{Contents, Pair};
use trouble::{Trouble, again_and_again};
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
pub struct Identity {
    current: ArcSwapOption<Pair>,
    source: Option<Source>,
    trouble: Trouble,
}

#[derive(Debug)]
struct Source {
    files: Files,
    /// What they held when they were last read, unless that may become good without changing.
    last: Mutex<Option<Contents>>,
}

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
    pub fn load(files: Files) -> Result<Arc<Self>, PairError> {
        let contents = Contents::read(&files)?;
        let pair = Pair::parse(&files, &contents, SystemTime::now())?;
        let source = Source { files, last: Mutex::new(Some(contents)) };
        Ok(Arc::new(Self { source: Some(source), ..Self::of(Some(pair)) }))
    }

    /// None yet: somebody will [`replace`](Self::replace) it.
    #[must_use]
    pub fn awaited() -> Arc<Self> {
        Arc::new(Self::of(None))
    }

    fn of(pair: Option<Pair>) -> Self {
        Self {
            current: ArcSwapOption::from_pointee(pair),
            source: None,
            trouble: Trouble::default(),
        }
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
        Ok(Arc::new(Self::of(Some(pair))))
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
        self.put(Pair::new(chain, key).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn put(&self, pair: Pair) {
        let not_after = rfc3339(pair.validity.until);
        self.current.store(Some(Arc::new(pair)));
        self.settle();
        tracing::info!(not_after, "new certificate in force");
    }

    /// Reads the files again every so often (10 s is usual), for as long as it is polled. Returns at
    /// once when there are no files.
    pub async fn keep_fresh(self: Arc<Self>, every: Duration) {
        if self.source.is_none() {
            return;
        }
        again_and_again(self, every, Self::reload).await;
    }

    /// Reads the files again, and puts them in force if they have changed and are good. Blocks.
    pub fn reload(&self, now: SystemTime) {
        let Some(source) = &self.source else { return };
        let mut last = source.last.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match Contents::read(&source.files) {
            Ok(contents) if last.as_ref() == Some(&contents) => return,
            Ok(contents) => {
                let parsed = Pair::parse(&source.files, &contents, now);
                // What is only too early may become good without changing.
                let keep = !matches!(parsed, Err(PairError::NotYetValid { .. }));
                *last = keep.then_some(contents);
                parsed
            }
            Err(error) => {
                *last = None;
                Err(error)
            }
        };
        match outcome {
            Ok(pair) => self.put(pair),
            Err(error) => self.complain(&error.to_string(), now),
        }
    }

    /// Says, once, why there is no newer certificate and should be one. One line.
    pub fn complain(&self, why: &str, now: SystemTime) {
        if self.trouble.note(why, now) {
            tracing::error!(error = why, "no new certificate, the old one stays");
        }
    }

    /// Says, once, what a certificate is waited for. One line.
    pub fn wait(&self, why: &str, now: SystemTime) {
        if self.trouble.note(why, now) {
            tracing::info!(why, "waiting for a certificate");
        }
    }

    /// All is well again.
    pub fn settle(&self) {
        self.trouble.settle();
    }

    /// What is in force, and what is wrong with what is not.
    #[must_use]
    pub fn status(&self) -> Status {
        let validity = self.current.load().as_ref().map(|pair| pair.validity);
        Status { validity, bad: self.trouble.get() }
    }

    /// For readiness: whether the certificate in force is valid now.
    ///
    /// # Errors
    /// When it is not; one line that says why.
    pub fn valid(&self, now: SystemTime) -> Result<(), String> {
        let status = self.status();
        let mut why = match status.validity {
            None => "there is no certificate yet".to_owned(),
            Some(Validity { until, .. }) if now > until => {
                format!("the certificate expired at {}", rfc3339(until))
            }
            Some(Validity { from, .. }) if now < from => {
                format!("the certificate is not valid before {}", rfc3339(from))
            }
            Some(_) => return Ok(()),
        };
        if let Some(bad) = status.bad {
            why = format!("{why}, and a newer one cannot be had: {}", bad.why);
        }
        Err(why)
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load().as_ref().map(|pair| Arc::clone(&pair.key))
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
