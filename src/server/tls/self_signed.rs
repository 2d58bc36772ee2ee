//! A certificate authority and a server certificate made in memory, for a first try without a cluster.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::PrivateKeyDer;
use thiserror::Error;

use super::Identity;

/// What [`self_signed`] made.
#[derive(Debug)]
pub struct SelfSigned {
    /// The server's identity.
    pub identity: Arc<Identity>,
    /// The authority's certificate, PEM, for clients to verify the server with. Its key is gone.
    pub ca_pem: String,
}

/// Nothing that a user can cause, but for a name that is no DNS name or address.
#[derive(Debug, Error)]
#[error("cannot make a certificate: {0}")]
pub struct SelfSignedError(String);

impl From<rcgen::Error> for SelfSignedError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

/// Makes an identity for localhost, 127.0.0.1, ::1 and `names` (DNS names or IP addresses), valid for
/// a year from an hour ago.
///
/// # Errors
/// When a name is neither a DNS name nor an address.
pub fn self_signed(names: &[&str]) -> Result<SelfSigned, SelfSignedError> {
    const HOUR: Duration = Duration::from_secs(3600);
    let now = SystemTime::now();
    let (from, until) = (now - HOUR, now + 365 * 24 * HOUR);

    let mut authority = CertificateParams::default();
    authority.distinguished_name = common_name("Portcullis standalone CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = from.into();
    authority.not_after = until.into();
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let ca_pem = authority.self_signed(&authority_key)?.pem();

    let mut all: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    all.extend(names.iter().map(|&name| name.to_owned()));
    let mut server = CertificateParams::new(all)?;
    server.distinguished_name = common_name("portcullis");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    server.not_before = from.into();
    server.not_after = until.into();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;

    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let identity = Identity::awaited();
    identity.replace(vec![certificate.der().clone()], key).map_err(SelfSignedError)?;
    Ok(SelfSigned { identity, ca_pem })
}

fn common_name(name: &str) -> rcgen::DistinguishedName {
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}
