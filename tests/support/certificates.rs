//! Certificates for servers on 127.0.0.1.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::process::Folder;

/// The API server's name for a Service in the namespace `default`.
pub(crate) const SERVICE: &str = "portcullis.default.svc";

/// A certificate for 127.0.0.1, localhost and [`SERVICE`], its key, and its CA.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) authority_pem: String,
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Serving {
    /// Creates a CA and a certificate, in files of the folder.
    pub(crate) fn new(folder: &Folder) -> Self {
        Self::under(folder, &[SERVICE])
    }

    /// Also for these names and addresses.
    pub(crate) fn under(folder: &Folder, names: &[&str]) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "tests");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();

        let key = KeyPair::generate().unwrap();
        let names = ["127.0.0.1", "localhost"].iter().chain(names).map(|name| (*name).to_owned());
        let certificate = CertificateParams::new(names.collect::<Vec<_>>())
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();

        Self {
            authority_pem: authority.pem(),
            authority: folder.write("ca.crt", authority.pem()),
            certificate: folder.write("tls.crt", certificate.pem()),
            key: folder.write("tls.key", key.serialize_pem()),
        }
    }
}
