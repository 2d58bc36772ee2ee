//! The server's certificate: from files that are read again while serving, or made in memory.
//!
//! A new pair of files takes effect for the connections that come after it; none is dropped. A pair
//! that is no good leaves the one in force, and says so once and in [`Identity::status`]. The wall
//! clock decides what is valid: a process that was suspended must notice.

mod client_auth;
mod pair;
mod self_signed;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;

pub use client_auth::ClientAuth;
pub use pair::PairError;
pub use self_signed::{SelfSigned, self_signed};

use pair::{Contents, Pair};

/// Where the certificate chain and its key are, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// The certificate that is shown to clients, and where it comes from.
#[derive(Debug)]
pub struct Identity {
    current: ArcSwap<Pair>,
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    files: Files,
    last: Mutex<Last>,
}

/// The last reading of the files, whatever came of it.
#[derive(Debug)]
struct Last {
    contents: Option<Contents>,
    bad: Option<Bad>,
}

/// Why the newest files are not in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// When they were first seen to be bad.
    pub since: SystemTime,
    /// One line: which file, and what is wrong with it.
    pub why: String,
}

/// For readiness and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The certificate in force is not valid before this.
    pub not_before: SystemTime,
    /// The certificate in force is not valid after this.
    pub not_after: SystemTime,
    /// Set when there are newer files that cannot be used.
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
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(pair),
            source: Some(Source {
                files,
                last: Mutex::new(Last { contents: Some(contents), bad: None }),
            }),
        }))
    }

    fn fixed(pair: Pair) -> Arc<Self> {
        Arc::new(Self { current: ArcSwap::from_pointee(pair), source: None })
    }

    /// Reads the files again every so often (10 s is usual), for as long as it is polled. Returns at
    /// once when there are no files.
    pub async fn keep_fresh(self: Arc<Self>, every: Duration) {
        if self.source.is_none() {
            return;
        }
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let this = Arc::clone(&self);
            // Files may sit on something slow. A panic in there is logged by its hook; go on.
            let _ = tokio::task::spawn_blocking(move || this.reload(SystemTime::now())).await;
        }
    }

    /// Reads the files again, and puts them in force if they have changed and are good. Blocks.
    pub fn reload(&self, now: SystemTime) {
        let Some(source) = &self.source else { return };
        let mut last = source.last.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match Contents::read(&source.files) {
            Ok(contents) if last.contents.as_ref() == Some(&contents) => return,
            Ok(contents) => {
                let parsed = Pair::parse(&source.files, &contents, now);
                // What is only too early may become good without changing.
                let keep = !matches!(parsed, Err(PairError::NotYetValid { .. }));
                last.contents = keep.then_some(contents);
                parsed
            }
            Err(error) => {
                last.contents = None;
                Err(error)
            }
        };
        match outcome {
            Ok(pair) => {
                let not_after = rfc3339(pair.not_after);
                self.current.store(Arc::new(pair));
                last.bad = None;
                tracing::info!(not_after, "new certificate in force");
            }
            Err(error) => last.complain(&error, now),
        }
    }

    /// What is in force, and what is wrong with what is not.
    #[must_use]
    pub fn status(&self) -> Status {
        let pair = self.current.load();
        let bad = self.source.as_ref().and_then(|source| {
            let last = source.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.bad.clone()
        });
        Status { not_before: pair.not_before, not_after: pair.not_after, bad }
    }

    /// For readiness: whether the certificate in force is valid now.
    ///
    /// # Errors
    /// When it is not; one line that says why.
    pub fn valid(&self, now: SystemTime) -> Result<(), String> {
        let status = self.status();
        let mut why = if now > status.not_after {
            format!("the certificate expired at {}", rfc3339(status.not_after))
        } else if now < status.not_before {
            let from = rfc3339(status.not_before);
            format!("the certificate is not valid before {from}")
        } else {
            return Ok(());
        };
        if let Some(bad) = status.bad {
            why = format!("{why}, and the newer files cannot be used: {}", bad.why);
        }
        Err(why)
    }
}

impl Last {
    fn complain(&mut self, error: &PairError, now: SystemTime) {
        let why = error.to_string();
        if self.bad.as_ref().is_some_and(|bad| bad.why == why) {
            return;
        }
        tracing::error!(error = why, "new certificate not used, the old one stays");
        let since = self.bad.as_ref().map_or(now, |bad| bad.since);
        self.bad = Some(Bad { since, why });
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
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

/// A time for people; times that no calendar has are shown as the nearest one that it has.
fn rfc3339(time: SystemTime) -> String {
    let limit =
        if time < SystemTime::UNIX_EPOCH { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let seconds = jiff::Timestamp::try_from(time).unwrap_or(limit);
    seconds.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
