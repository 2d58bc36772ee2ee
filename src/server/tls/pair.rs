//! A certificate chain and its key, from PEM files to something that TLS can use, and every way in
//! which that fails, worded for the person who has to put it right.

use std::fs;
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

use super::{Files, Validity, rfc3339};

/// Why a pair of files cannot be used. Each message is one line that names the file.
#[derive(Debug, Error)]
pub enum PairError {
    /// The file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {what}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what is wanted.
        what: String,
    },
    /// Both are fine, but do not belong together.
    #[error("the key in {} is not that of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Its time is over.
    #[error("{}: the certificate expired at {}", path.display(), rfc3339(*not_after))]
    Expired {
        /// Which file.
        path: PathBuf,
        /// When.
        not_after: SystemTime,
    },
    /// Its time has not come, or the clock is wrong.
    #[error("{}: the certificate is not valid before {}", path.display(), rfc3339(*not_before))]
    NotYetValid {
        /// Which file.
        path: PathBuf,
        /// From when on.
        not_before: SystemTime,
    },
}

/// What both files hold.
#[derive(PartialEq, Eq)]
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contents(private)")
    }
}

impl Contents {
    /// Reads both. A Secret volume swaps both files at once, by one symbolic link: so the certificate
    /// is read again at the end, to not take the old one with the new key.
    pub(super) fn read(files: &Files) -> Result<Self, PairError> {
        const TRIES: usize = 3;
        let mut certificate = read(&files.certificate)?;
        let mut key = read(&files.key)?;
        for _ in 1..TRIES {
            let again = read(&files.certificate)?;
            if again == certificate {
                break;
            }
            certificate = again;
            key = read(&files.key)?;
        }
        Ok(Self { certificate, key })
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, PairError> {
    fs::read(path).map_err(|why| PairError::Unreadable { path: path.to_owned(), why })
}

/// A pair that can be served.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

impl Pair {
    /// Takes a pair if it is valid at `now`.
    pub(super) fn parse(
        files: &Files,
        contents: &Contents,
        now: SystemTime,
    ) -> Result<Self, PairError> {
        let chain = chain(&files.certificate, &contents.certificate)?;
        let key = key(&files.key, &contents.key)?;
        let pair = Self::new(chain, key).map_err(|error| match error {
            NotAPair::Certificate(what) => malformed(&files.certificate, what),
            NotAPair::Key(what) => malformed(&files.key, what),
            NotAPair::Mismatch => PairError::Mismatch {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            },
        })?;
        let path = files.certificate.clone();
        let Validity { from: not_before, until: not_after } = pair.validity;
        if now > not_after {
            return Err(PairError::Expired { path, not_after });
        }
        if now < not_before {
            return Err(PairError::NotYetValid { path, not_before });
        }
        Ok(pair)
    }

    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, NotAPair> {
        let leaf = chain
            .first()
            .ok_or_else(|| NotAPair::Certificate("holds no certificate".to_owned()))?;
        let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|error| {
            NotAPair::Certificate(format!("the first certificate is malformed: {error}"))
        })?;
        let validity = Validity::of(&leaf);
        let provider = aws_lc_rs::default_provider();
        let signer = provider
            .key_provider
            .load_private_key(key)
            .map_err(|error| NotAPair::Key(format!("the key cannot be used: {error}")))?;
        let key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(TlsError::InconsistentKeys(_)) => return Err(NotAPair::Mismatch),
            Err(error) => return Err(NotAPair::Certificate(error.to_string())),
        }
        Ok(Self { key: Arc::new(key), validity })
    }
}

/// [`PairError`] before the files' names are known.
#[derive(Debug, Error)]
pub(super) enum NotAPair {
    #[error("the certificate: {0}")]
    Certificate(String),
    #[error("the key: {0}")]
    Key(String),
    #[error("the key is not that of the certificate")]
    Mismatch,
}

pub(super) fn malformed(path: &Path, what: String) -> PairError {
    PairError::Malformed { path: path.to_owned(), what }
}

pub(super) fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(path, bad_pem(&error)))?;
    if chain.is_empty() {
        return Err(malformed(path, missing(pem, "CERTIFICATE")));
    }
    Ok(chain)
}

fn key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, PairError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        let what = match error {
            PemError::NoItemsFound => missing(pem, "PRIVATE KEY"),
            error => bad_pem(&error),
        };
        malformed(path, what)
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

/// Says what a file holds instead of what is wanted.
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
