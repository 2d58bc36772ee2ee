//! Client authentication: requires a certificate from an authority in a file, optionally with one of some names.
//!
//! The file is reloaded while serving, like the server's own certificate: an invalid one does not replace the current
//! one. It only controls connections, not what a client may do, and does not check for revocation: use short-lived
//! certificates.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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

use super::pair::{FileError, chain, unusable};
use super::reloaded::{Bad, FromFiles, Reloaded, keep_fresh};
use crate::server::rate_limited_log::RateLimitedLog;

/// Verifies client certificates. Without a valid one there is no connection.
#[derive(Debug)]
pub struct ClientAuth {
    /// Empty for every name.
    allowed: Vec<String>,
    verifier: Reloaded<Verifier, 1>,
}

#[derive(Debug)]
struct Verifier(Arc<dyn ClientCertVerifier>);

impl ClientAuth {
    /// Loads the authorities, PEM, for the first time. A client's common name or one of its DNS names must equal one of
    /// `allowed`; an empty list allows every name.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(file: PathBuf, allowed: Vec<String>) -> Result<Arc<Self>, FileError> {
        Ok(Arc::new(Self { allowed, verifier: Reloaded::load([file])? }))
    }

    /// Reloads the file at this interval (usually 10 s), for as long as it is polled.
    pub async fn keep_fresh(self: Arc<Self>, every: Duration) {
        keep_fresh(self, every, Self::reload).await;
    }

    /// Reloads the file, and uses it if it has changed and is valid. Blocks.
    pub fn reload(&self, now: SystemTime) {
        match self.verifier.reload(now) {
            None => {}
            Some(Ok(_)) => tracing::info!("new authorities of clients in force"),
            Some(Err(error)) => {
                tracing::error!(error, "new authorities of clients not used, the old ones stay");
            }
        }
    }

    /// Why the newest file is not in use; none if it is.
    #[must_use]
    pub fn bad(&self) -> Option<Bad> {
        self.verifier.bad()
    }

    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let verifier = self.verifier.get().map(|verifier| Arc::clone(&verifier.0));
        verifier.ok_or_else(|| TlsError::General("there is no verifier".to_owned()))
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

impl FromFiles<1> for Verifier {
    fn parse(
        [file]: &[PathBuf; 1],
        [pem]: &[Vec<u8>; 1],
        _: SystemTime,
    ) -> Result<Self, FileError> {
        let mut roots = RootCertStore::empty();
        for certificate in chain(file, pem)? {
            roots.add(certificate).map_err(|error| {
                unusable(file, &format!("a certificate of no authority that can be used: {error}"))
            })?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|error| unusable(file, &error.to_string()))?;
        Ok(Self(verifier))
    }
}

/// The common names of the subject, and the DNS names. None if it is not a certificate.
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
    /// Empty: a client with one certificate sends it anyway, and the file may change.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let verified = self.verifier()?.verify_client_cert(end_entity, intermediates, now)?;
        self.check_names(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier()?.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier()?.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().map(|verifier| verifier.supported_verify_schemes()).unwrap_or_default()
    }
}
