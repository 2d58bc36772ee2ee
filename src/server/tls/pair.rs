//! A certificate chain and its key from PEM files, and all errors of loading them, worded for the person who fixes
//! them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::{Validity, reloaded::FromFiles};

/// Why files are unusable. Each message is one line that names the file.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        why: io::Error,
    },
    /// The content is wrong or expired.
    #[error("{0}")]
    Unusable(String),
    /// It is not valid yet, or the clock is wrong.
    #[error("{0}")]
    NotYetValid(String),
}

/// A chain with its key, ready for TLS.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

/// Why a chain and a key do not form a pair.
#[derive(Debug, Error)]
pub(super) enum PairError {
    #[error("the certificate: {0}")]
    Certificate(String),
    #[error("the key: {0}")]
    Key(String),
    #[error("the key is not that of the certificate")]
    Mismatch,
}

/// From the certificate's file and the key's.
impl FromFiles<2> for Pair {
    fn parse(
        [certificate, key]: &[PathBuf; 2],
        [chain_pem, key_pem]: &[Vec<u8>; 2],
        now: SystemTime,
    ) -> Result<Self, FileError> {
        let pair = Self::new(chain(certificate, chain_pem)?, private_key(key, key_pem)?);
        let pair = pair.map_err(|error| match error {
            PairError::Certificate(what) => unusable(certificate, &what),
            PairError::Key(what) => unusable(key, &what),
            PairError::Mismatch => FileError::Unusable(format!(
                "the key in {} is not that of the certificate in {}",
                key.display(),
                certificate.display()
            )),
        })?;
        pair.validity.check(now).map_err(|why| {
            let why = format!("{}: {why}", certificate.display());
            let is_early = now < pair.validity.from;
            if is_early { FileError::NotYetValid(why) } else { FileError::Unusable(why) }
        })?;
        Ok(pair)
    }
}

impl Pair {
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, PairError> {
        let bad = |what: String| PairError::Certificate(what);
        let leaf = chain.first().ok_or_else(|| bad("holds no certificate".to_owned()))?;
        let (_, leaf) = x509_parser::parse_x509_certificate(leaf)
            .map_err(|error| bad(format!("the first certificate is malformed: {error}")))?;
        let validity = Validity::of(&leaf);
        let provider = aws_lc_rs::default_provider();
        let signer = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| PairError::Key(format!("the key cannot be used: {error}")))?;
        let key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(TlsError::InconsistentKeys(_)) => return Err(PairError::Mismatch),
            Err(error) => return Err(PairError::Certificate(error.to_string())),
        }
        Ok(Self { key: Arc::new(key), validity })
    }
}

pub(super) fn unusable(path: &Path, what: &str) -> FileError {
    FileError::Unusable(format!("{}: {what}", path.display()))
}

pub(super) fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(path, &bad_pem(&error)))?;
    if chain.is_empty() {
        return Err(unusable(path, &missing(pem, "CERTIFICATE")));
    }
    Ok(chain)
}

fn private_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, FileError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let what = match error {
            PemError::NoItemsFound => missing(pem, "PRIVATE KEY"),
            error => bad_pem(&error),
        };
        unusable(path, &what)
    })
}

fn bad_pem(error: &PemError) -> String {
    let what = match error {
        PemError::MissingSectionEnd { .. } => "a section has no END line".to_owned(),
        PemError::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
        PemError::Base64Decode(_) => "a section is not base64".to_owned(),
        error => error.to_string(),
    };
    format!("not valid PEM: {what}")
}

/// An error that says what a file contains instead of the expected content.
fn missing(pem: &[u8], wanted: &str) -> String {
    let text = String::from_utf8_lossy(pem);
    let found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .collect();
    if pem.is_empty() {
        format!("the file is empty, wanted a PEM section {wanted}")
    } else if found.is_empty() {
        format!("not PEM: no line -----BEGIN {wanted}-----")
    } else if found.contains(&"ENCRYPTED PRIVATE KEY") {
        "the key is encrypted, wanted one that is not".to_owned()
    } else {
        let held = found.join(", ");
        let held: String = held.chars().take(80).filter(|c| !c.is_control()).collect();
        format!("holds {held}, wanted a PEM section {wanted}")
    }
}
