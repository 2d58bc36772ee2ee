//! Client authentication: only clients with a certificate of the right CA and an allowed name connect.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis::server::BodyLimits;
use portcullis::server::tls::{self, ClientAuth};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::ClientConfig;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::server::harness::{Client, Server, limits, roots};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "clients");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A client certificate to create.
struct Who<'a> {
    authority: &'a Authority,
    common_name: &'a str,
    dns: &'a [&'a str],
    until: Duration,
    usage: ExtendedKeyUsagePurpose,
}

impl<'a> Who<'a> {
    fn named(authority: &'a Authority, common_name: &'a str) -> Self {
        let until = Duration::from_secs(3600);
        Self { authority, common_name, dns: &[], until, usage: ExtendedKeyUsagePurpose::ClientAuth }
    }

    fn config(&self, server_ca: &str) -> ClientConfig {
        let dns: Vec<String> = self.dns.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(dns).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common_name);
        params.extended_key_usages = vec![self.usage.clone()];
        params.not_before = (SystemTime::now() - Duration::from_secs(7200)).into();
        params.not_after = (SystemTime::now() - Duration::from_secs(1800) + self.until).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, self.authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ClientConfig::builder().with_root_certificates(roots(server_ca));
        config.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

struct Setup {
    server: Server,
    clients: Arc<ClientAuth>,
    file: PathBuf,
    _folder: TempDir,
}

impl Setup {
    async fn new(pem: &str, allowed: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        fs::write(&file, pem).unwrap();
        let allowed = allowed.iter().map(|&name| name.to_owned()).collect();
        let clients = ClientAuth::load(file.clone(), allowed).unwrap();
        let (identity, ca_pem) = portcullis::certificates::standalone(&[]).unwrap();
        let config = tls::mutual_config(identity, Arc::clone(&clients)).unwrap();
        let server = Server::speaking(config, ca_pem, limits(), BodyLimits::default()).await;
        Self { server, clients, file, _folder: folder }
    }

    /// The status of the response. In TLS 1.3, a client only learns now that it is rejected.
    async fn ask(&self, config: ClientConfig) -> io::Result<u16> {
        let mut client = self.connect(config).await?;
        client.try_send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let answer = client.answer().await;
        answer.map(|answer| answer.status()).ok_or_else(|| io::ErrorKind::ConnectionReset.into())
    }

    async fn connect(&self, config: ClientConfig) -> io::Result<Client<TlsStream<TcpStream>>> {
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Client::over(connector.connect(name, self.server.tcp().await).await?))
    }
}

#[tokio::test]
async fn only_a_certificate_of_the_right_authority_and_name_connects() {
    let (ours, other) = (authority(), authority());
    let setup = Setup::new(&ours.pem(), &["kube-apiserver", "front.example.org"]).await;
    let ca = setup.server.ca.clone();
    let who = |name| Who::named(&ours, name);

    for (what, client) in [
        ("the common name", who("kube-apiserver")),
        ("a DNS name", Who { dns: &["a.example.org", "front.example.org"], ..who("x") }),
    ] {
        assert_eq!(setup.ask(client.config(&ca)).await.unwrap(), 200, "{what}");
    }
    for (what, client) in [
        ("another name", who("kube-apiserver2")),
        ("a part of a name", who("kube")),
        ("another case", who("Kube-Apiserver")),
        ("a name below", Who { dns: &["a.front.example.org"], ..who("x") }),
        ("a wildcard", Who { dns: &["*.example.org"], ..who("x") }),
        ("another authority", Who::named(&other, "kube-apiserver")),
        ("an expired one", Who { until: Duration::ZERO, ..who("kube-apiserver") }),
        ("a server's", Who { usage: ExtendedKeyUsagePurpose::ServerAuth, ..who("kube-apiserver") }),
    ] {
        assert!(setup.ask(client.config(&ca)).await.is_err(), "{what}");
    }
    let nobody = ClientConfig::builder().with_root_certificates(roots(&ca)).with_no_client_auth();
    assert!(setup.ask(nobody).await.is_err(), "no certificate");
    assert!(setup.server.stats.failed_handshakes.load(std::sync::atomic::Ordering::Relaxed) >= 8);
}

#[tokio::test]
async fn without_names_every_client_of_the_authority_connects() {
    let (ours, other) = (authority(), authority());
    let setup = Setup::new(&ours.pem(), &[]).await;
    let ca = setup.server.ca.clone();
    assert_eq!(setup.ask(Who::named(&ours, "anyone").config(&ca)).await.unwrap(), 200);
    assert!(setup.ask(Who::named(&other, "anyone").config(&ca)).await.is_err());
}

#[tokio::test]
async fn tls_1_2_is_held_to_the_same() {
    let ours = authority();
    let setup = Setup::new(&ours.pem(), &["kube-apiserver"]).await;
    let ca = &setup.server.ca;
    let old = || ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS12]);
    let with = |who: Who<'_>| {
        let mut config = who.config(ca);
        let resolver = Arc::clone(&config.client_auth_cert_resolver);
        config = old().with_root_certificates(roots(ca)).with_client_cert_resolver(resolver);
        config
    };
    assert_eq!(setup.ask(with(Who::named(&ours, "kube-apiserver"))).await.unwrap(), 200);
    assert!(setup.ask(with(Who::named(&ours, "someone"))).await.is_err());
    let nobody = old().with_root_certificates(roots(ca)).with_no_client_auth();
    assert!(setup.ask(nobody).await.is_err());
}

#[tokio::test]
async fn a_new_authority_takes_the_place_of_the_old_and_a_bad_file_does_not() {
    let (old, new) = (authority(), authority());
    let setup = Setup::new(&old.pem(), &["kube-apiserver"]).await;
    let ca = setup.server.ca.clone();
    let ask =
        async |authority| setup.ask(Who::named(authority, "kube-apiserver").config(&ca)).await;
    let mut kept = setup.connect(Who::named(&old, "kube-apiserver").config(&ca)).await.unwrap();
    assert_eq!(kept.get("/hello").await.status(), 200);
    let now = SystemTime::now();

    for (contents, why) in [
        ("", "the file is empty, wanted a PEM section CERTIFICATE"),
        ("hello", "not PEM: no line -----BEGIN CERTIFICATE-----"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "a certificate of no authority that can be used: ",
        ),
    ] {
        fs::write(&setup.file, contents).unwrap();
        setup.clients.reload(now);
        let bad = setup.clients.bad().unwrap();
        assert!(bad.why.contains(why) && bad.why.contains("ca.crt"), "{}", bad.why);
        assert_eq!(bad.since, now);
        assert_eq!(ask(&old).await.unwrap(), 200, "the old one is in force");
    }
    fs::remove_file(&setup.file).unwrap();
    setup.clients.reload(now);
    assert!(setup.clients.bad().unwrap().why.starts_with("cannot read "));

    fs::write(&setup.file, format!("{}{}", old.pem(), new.pem())).unwrap();
    setup.clients.reload(now);
    assert_eq!(setup.clients.bad(), None);
    assert_eq!((ask(&old).await.unwrap(), ask(&new).await.unwrap()), (200, 200), "both");

    fs::write(&setup.file, new.pem()).unwrap();
    setup.clients.reload(now);
    assert!(ask(&old).await.is_err());
    assert_eq!(ask(&new).await.unwrap(), 200);
    assert_eq!(kept.get("/hello").await.status(), 200, "no connection is dropped");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_at_the_start() {
    let file = PathBuf::from("/nowhere/ca.crt");
    let error = ClientAuth::load(file, Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/ca.crt: "), "{error}");
}
