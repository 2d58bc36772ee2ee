//! Configures an API server to present a client certificate to webhooks, as in `docs/client-authentication.md`.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use serde_json::json;

use super::process::Folder;

/// The common name in the certificate.
pub(crate) const CLIENT_NAME: &str = "kube-apiserver-webhooks";

/// The API server as a client of webhooks.
#[derive(Debug)]
pub(crate) struct WebhookClient {
    /// The flag for the API server.
    pub(crate) apiserver_flag: String,
    /// The CA that signed it.
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl WebhookClient {
    /// Creates the certificate and the API server's configuration, in files of the folder.
    pub(crate) fn new(folder: &Folder) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "webhook clients");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, CLIENT_NAME);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let certificate = folder.write("client.crt", certificate.pem());
        let key = folder.write("client.key", key.serialize_pem());

        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "users": [{"name": "*", "user": {"client-certificate": certificate, "client-key": key}}],
        });
        let kubeconfig = folder.write("webhooks.kubeconfig", kubeconfig.to_string());
        let plugin = |name: &str| {
            json!({"name": name, "configuration": {
                "apiVersion": "apiserver.config.k8s.io/v1",
                "kind": "WebhookAdmissionConfiguration",
                "kubeConfigFile": kubeconfig,
            }})
        };
        let admission = json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AdmissionConfiguration",
            "plugins": [plugin("ValidatingAdmissionWebhook"), plugin("MutatingAdmissionWebhook")],
        });
        let admission = folder.write("admission.yaml", admission.to_string());
        Self {
            apiserver_flag: format!("--admission-control-config-file={}", admission.display()),
            authority: folder.write("client-ca.crt", authority.pem()),
            certificate,
            key,
        }
    }
}
