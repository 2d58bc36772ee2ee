//! A self-made certificate authority and the certificates that it signs: ECDSA P-256 throughout.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use crate::server::tls::Validity;

/// Certificates are valid from this long ago, since clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// A CA certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    certificate: String,
    key: String,
    validity: Validity,
}

/// A server certificate and its key.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// The server certificate alone: clients trust its issuer directly.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// PKCS#8.
    pub(crate) key: PrivateKeyDer<'static>,
    /// Its validity period.
    pub(crate) validity: Validity,
}

/// Why an authority or certificate could not be made or read. One line; never contains a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthorityError(pub(super) String);

impl From<rcgen::Error> for AuthorityError {
    fn from(error: rcgen::Error) -> Self {
        Self(format!("cannot make a certificate: {error}"))
    }
}

impl Authority {
    /// Creates an authority that is valid for `lifetime` from now. With a `domain`, it can sign only for that name and
    /// its subdomains: a stolen key is useless for other names of the cluster.
    ///
    /// # Errors
    /// None that a user can cause.
    pub(crate) fn mint(
        domain: Option<&str>,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Self, AuthorityError> {
        let validity = Validity { from: now - CLOCK_SKEW, until: now + lifetime };
        let mut params = CertificateParams::default();
        // The subject includes the time, because clients trust several authorities at once.
        let minted = jiff::Timestamp::try_from(now).unwrap_or_default();
        params.distinguished_name = common_name(&format!("portcullis-ca {minted:.0}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = domain.map(|domain| NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        (params.not_before, params.not_after) = (validity.from.into(), validity.until.into());
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.self_signed(&key)?.pem();
        Self::read(&certificate, &key.serialize_pem())
    }

    /// Reads an authority from PEM.
    ///
    /// # Errors
    /// Malformed PEM, a certificate that is not a CA, or a key that does not match.
    pub(crate) fn read(certificate: &str, key: &str) -> Result<Self, AuthorityError> {
        let problem = |what: &str| AuthorityError(what.to_owned());
        let (certificate, der) = match &certificates(certificate)[..] {
            [only] => only.clone(),
            [] => return Err(problem("the certificate is not PEM")),
            _ => return Err(problem("there is more than one certificate")),
        };
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|_| problem("the certificate is malformed"))?;
        let pair = KeyPair::from_pem(key).map_err(|_| problem("the key is no key in PEM"))?;
        if !parsed.is_ca() {
            return Err(problem("the certificate is not that of an authority"));
        }
        if pair.subject_public_key_info() != parsed.public_key().raw {
            return Err(problem("the key is not that of the certificate"));
        }
        let validity = Validity::of(&parsed);
        Ok(Self { certificate, key: key.to_owned(), validity })
    }

    /// The certificate, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The key, PEM, for storage.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The validity period of the certificate.
    pub(crate) fn validity(&self) -> Validity {
        self.validity
    }

    /// Signs a server certificate for DNS names or IP addresses, with a new key. It never outlives its issuer.
    ///
    /// # Errors
    /// A name that is neither a DNS name nor an IP address.
    pub(crate) fn sign(
        &self,
        names: &[&str],
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Leaf, AuthorityError> {
        let validity = Validity {
            from: (now - CLOCK_SKEW).max(self.validity.from),
            until: (now + lifetime).min(self.validity.until),
        };
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = common_name("portcullis");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (validity.from.into(), validity.until.into());
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Leaf {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            validity,
        })
    }
}

/// The certificates in a PEM text, each as PEM with a final newline and as DER. Skips anything else: clients reject a
/// whole bundle because of one invalid entry.
pub(super) fn certificates(text: &str) -> Vec<(String, CertificateDer<'static>)> {
    let ders = CertificateDer::pem_slice_iter(text.as_bytes()).filter_map(Result::ok);
    let good = ders.filter(|der| x509_parser::parse_x509_certificate(der).is_ok());
    good.map(|der| (pem(&der), der)).collect()
}

/// PEM by RFC 7468: base64 in lines of 64 characters.
fn pem(der: &CertificateDer<'_>) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for piece in der.chunks(48) {
        text.push_str(&STANDARD.encode(piece));
        text.push('\n');
    }
    text + "-----END CERTIFICATE-----\n"
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("validity", &self.validity).finish_non_exhaustive()
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NAME: &str = "portcullis.security.svc";

    #[test]
    fn what_is_stored_is_read_again() {
        let authority = Authority::mint(Some(NAME), SystemTime::now(), DAY).unwrap();
        let again = Authority::read(authority.certificate(), authority.key()).unwrap();
        assert!(again == authority);
        assert!(!format!("{authority:?}").contains("KEY"));
    }

    /// A Secret edited by hand may lack the final newline, which would join two certificates.
    #[test]
    fn however_it_is_written_others_can_be_appended() {
        let authority = Authority::mint(Some(NAME), SystemTime::now(), DAY).unwrap();
        let edited =
            format!("a remark\r\n{}", authority.certificate().trim().replace('\n', "\r\n"));
        assert!(Authority::read(&edited, authority.key()).unwrap() == authority);
        let damaged = authority.certificate().replacen("MII", "AAA", 1);
        let all = format!("{damaged}{edited}\n{}", authority.certificate());
        let good: Vec<String> = certificates(&all).into_iter().map(|(pem, _)| pem).collect();
        assert_eq!(good, [authority.certificate(); 2]);
    }

    #[test]
    fn a_leaf_never_outlives_its_issuer() {
        let now = SystemTime::now();
        let authority = Authority::mint(Some(NAME), now, DAY).unwrap();
        let leaf = authority.sign(&[NAME], now, 2 * DAY).unwrap();
        assert!(leaf.validity.until <= now + DAY);
        let later = authority.sign(&[NAME], now + DAY / 2, DAY / 4).unwrap();
        assert!(later.validity.until < now + DAY);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let now = SystemTime::now();
        let (one, other) =
            (Authority::mint(None, now, DAY).unwrap(), Authority::mint(None, now, DAY).unwrap());
        let error = Authority::read(one.certificate(), other.key()).unwrap_err();
        assert_eq!(error.to_string(), "the key is not that of the certificate");
        let error = Authority::read("", one.key()).unwrap_err();
        assert_eq!(error.to_string(), "the certificate is not PEM");
        let two = format!("{}{}", one.certificate(), other.certificate());
        let error = Authority::read(&two, one.key()).unwrap_err();
        assert_eq!(error.to_string(), "there is more than one certificate");
        let error = Authority::read(one.certificate(), "secret").unwrap_err();
        assert_eq!(error.to_string(), "the key is no key in PEM");
    }
}
