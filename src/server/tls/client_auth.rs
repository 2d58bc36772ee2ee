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

use super::pair::{PairError, chain, malformed, read};
use super::{Bad, Trouble, again_and_again};
use crate::server::rate_limited_log::RateLimitedLog;

/// Verifies clients. Without a good certificate there is no connection.
#[derive(Debug)]
pub struct ClientAuth {
    file: PathBuf,
    /// Empty: every name.
    allowed: Vec<String>,
    current: ArcSwap<Verifier>,
    /// What the file held when it was last read.
    last: Mutex<Option<Vec<u8>>>,
    trouble: Trouble,
}

#[derive(Debug)]
struct Verifier(Arc<dyn ClientCertVerifier>);

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
            last: Mutex::new(Some(contents)),
            trouble: Trouble::default(),
        }))
    }

    /// Reads the file again every so often (10 s is usual), for as long as it is polled.
    pub async fn keep_fresh(self: Arc<Self>, every: Duration) {
        again_and_again(self, every, Self::reload).await;
    }

    /// Reads the file again, and puts it in force if it has changed and is good. Blocks.
    pub fn reload(&self, now: SystemTime) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match read(&self.file) {
            Ok(contents) if last.as_ref() == Some(&contents) => return,
            Ok(contents) => {
                let parsed = Verifier::parse(&self.file, &contents);
                *last = Some(contents);
                parsed
            }
            Err(error) => {
                *last = None;
                Err(error)
            }
        };
        match outcome {
            Ok(verifier) => {
                self.current.store(Arc::new(verifier));
                self.trouble.settle();
                tracing::info!("new authorities of clients in force");
            }
            Err(error) => {
                let why = error.to_string();
                if self.trouble.note(&why, now) {
                    tracing::error!(
                        error = why,
                        "new authorities of clients not used, the old ones stay"
                    );
                }
            }
        }
    }

    /// Why the newest file is not in force; none if it is.
    #[must_use]
    pub fn bad(&self) -> Option<Bad> {
        self.trouble.get()
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
        static LOG: RateLimitedLog = RateLimitedLog::new();
        if let Some(unsaid) = LOG.next() {
            let (names, allowed) = (names.join(","), self.allowed.join(","));
            tracing::warn!(names, allowed, unsaid, "a client's certificate has no allowed name");
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
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
