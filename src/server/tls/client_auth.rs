//! Who may connect: clients with a certificate of an authority from a file, under one of some names.
//!
//! The file is read again while serving, as the server's own certificate is: one that is no good leaves the one in
//! force. It never decides what a client may do beyond connecting, and never asks whether a certificate was revoked:
//! let it live shortly.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::extensions::GeneralName;

use super::Bad;
use super::pair::{PairError, chain, malformed, read};
use crate::server::seldom::Seldom;

/// Verifies clients. Without a good certificate there is no connection.
#[derive(Debug)]
pub struct ClientAuth {
    file: PathBuf,
    /// Empty: every name.
    allowed: Vec<String>,
    current: ArcSwap<Verifier>,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Verifier(Arc<dyn ClientCertVerifier>);

/// The last reading of the file, whatever came of it.
#[derive(Debug)]
struct Last {
    contents: Option<Vec<u8>>,
    bad: Option<Bad>,
}

impl ClientAuth {
    /// Reads the authorities, PEM, for the first time. A client's subject common name or one of its DNS names must be
    /// exactly one of `allowed`; none there allows every name.
    ///
    /// # Errors
    /// When the file cannot be used: says what is wrong with it.
    pub fn load(file: PathBuf, allowed: Vec<String>) -> Result<Arc<Self>, PairError> {
        let contents = read(&file)?;
        let verifier = Verifier::parse(&file, &contents)?;
        Ok(Arc::new(Self {
            file,
            allowed,
            current: ArcSwap::from_pointee(verifier),
            last: Mutex::new(Last { contents: Some(contents), bad: None }),
        }))
    }

    /// Reads the file again every so often (10 s is usual), for as long as it is polled.
    pub async fn keep_fresh(self: Arc<Self>, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let this = Arc::clone(&self);
            // Files may sit on something slow. A panic in there is logged by its hook; go on.
            let _ = tokio::task::spawn_blocking(move || this.reload(SystemTime::now())).await;
        }
    }

    /// Reads the file again, and puts it in force if it has changed and is good. Blocks.
    pub fn reload(&self, now: SystemTime) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match read(&self.file) {
            Ok(contents) if last.contents.as_ref() == Some(&contents) => return,
            Ok(contents) => {
                let parsed = Verifier::parse(&self.file, &contents);
                last.contents = Some(contents);
                parsed
            }
            Err(error) => {
                last.contents = None;
                Err(error)
            }
        };
        match outcome {
            Ok(verifier) => {
                self.current.store(Arc::new(verifier));
                last.bad = None;
                tracing::info!("new authorities of clients in force");
            }
            Err(error) => last.complain(&error, now),
        }
    }

    /// Why the newest file is not in force; none if it is.
    #[must_use]
    pub fn bad(&self) -> Option<Bad> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).bad.clone()
    }

    fn verifier(&self) -> Arc<Verifier> {
        self.current.load_full()
    }

    fn check_names(&self, certificate: &CertificateDer<'_>) -> Result<(), TlsError> {
        if self.allowed.is_empty() {
            return Ok(());
        }
        let names = names(certificate).ok_or(CertificateError::BadEncoding)?;
        if names.iter().any(|name| self.allowed.contains(name)) {
            return Ok(());
        }
        static WARNED: Seldom = Seldom::new();
        if let Some(unsaid) = WARNED.now() {
            let (names, allowed) = (names.join(","), self.allowed.join(","));
            tracing::warn!(names, allowed, unsaid, "a client's certificate has no allowed name");
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }
}

impl Last {
    fn complain(&mut self, error: &PairError, now: SystemTime) {
        let why = error.to_string();
        if self.bad.as_ref().is_some_and(|bad| bad.why == why) {
            return;
        }
        tracing::error!(error = why, "new authorities of clients not used, the old ones stay");
        let since = self.bad.as_ref().map_or(now, |bad| bad.since);
        self.bad = Some(Bad { since, why });
    }
}

impl Verifier {
    fn parse(file: &std::path::Path, pem: &[u8]) -> Result<Self, PairError> {
        let mut roots = RootCertStore::empty();
        for certificate in chain(file, pem)? {
            roots.add(certificate).map_err(|error| {
                malformed(file, format!("a certificate of no authority that can be used: {error}"))
            })?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|error| malformed(file, error.to_string()))?;
        Ok(Self(verifier))
    }
}

/// The common names of the subject, and the DNS names. None if it is no certificate.
fn names(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let common = certificate.subject().iter_common_name();
    let common = common.filter_map(|name| name.as_str().ok()).map(str::to_owned);
    let others = certificate.subject_alternative_name().ok()?;
    let others = others.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let dns = others.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    Some(common.chain(dns).collect())
}

impl ClientCertVerifier for ClientAuth {
    /// None: a client that has one certificate shows it, and the file may change.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let verified = self.verifier().0.verify_client_cert(end_entity, intermediates, now)?;
        self.check_names(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier().0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier().0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().0.supported_verify_schemes()
    }
}
