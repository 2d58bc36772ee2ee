//! Connects to the server as the API server does, and explains failures.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, Error as TlsError, RootCertStore,
    crypto::aws_lc_rs,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{cluster::bounded, server::tls::Validity};

use super::{Failure, Plan};

/// The currently valid certificates of a `caBundle`. Go rejects the others; rustls would trust them.
pub(super) fn trust(pem: &[u8]) -> Result<(String, RootCertStore), Failure> {
    let look = "what writes the caBundle: it must be the PEM certificate of the CA that signed the server's certificate";
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(bounded(&format!("not valid PEM: {error}")), look))?;
    let mut roots = RootCertStore::empty();
    let (mut outdated, mut unusable) = (0, 0);
    for certificate in &certificates {
        match is_valid_at(certificate, SystemTime::now()) {
            Some(true) => match roots.add(certificate.clone()) {
                Ok(()) => {}
                Err(_) => unusable += 1,
            },
            Some(false) => outdated += 1,
            None => unusable += 1,
        }
    }
    let what = format!(
        "{} trusted, {outdated} expired or not valid yet, {unusable} unusable",
        match roots.len() {
            1 => "1 certificate".to_owned(),
            n => format!("{n} certificates"),
        }
    );
    if roots.is_empty() { Err(Failure::new(what, look)) } else { Ok((what, roots)) }
}

fn is_valid_at(certificate: &[u8], now: SystemTime) -> Option<bool> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Validity::of(&certificate).contains(now))
}

/// Resolves the Service's name, or the address that replaces it.
pub(super) async fn resolve(plan: &Plan, port: u16) -> Result<(String, Vec<SocketAddr>), Failure> {
    let host = match &plan.address {
        Some(address) => address.clone(),
        None => format!("{}:{port}", plan.server_name()),
    };
    let look = "the Service (kubectl get service), the cluster's DNS, and a NetworkPolicy that blocks this pod";
    let found = in_time(plan, lookup_host(&host)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|error| Failure::new(format!("{host}: {}", bounded(&error.to_string())), look))?
        .collect();
    if found.is_empty() {
        return Err(Failure::new(format!("{host} has no address"), look));
    }
    let all: Vec<_> = found.iter().map(ToString::to_string).collect();
    Ok((format!("{host} is {}", all.join(", ")), found))
}

/// Connects to the first address that accepts connections.
pub(super) async fn connect(
    plan: &Plan,
    addresses: &[SocketAddr],
) -> Result<(String, TcpStream), Failure> {
    let mut last = None;
    for address in addresses {
        match in_time(plan, TcpStream::connect(address)).await {
            Ok(stream) => return Ok((format!("{address} accepts connections"), stream)),
            Err(error) => last = Some((address, error)),
        }
    }
    let Some((address, error)) = last else {
        return Err(Failure::new("no address", "the Service"));
    };
    let look = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "the Service's endpoints (kubectl get endpointslices): is a pod ready behind it, and is the target port the \
             server's"
        }
        _ => {
            "a NetworkPolicy or a firewall between here and the server's port, and the Service's endpoints (kubectl get \
             endpointslices)"
        }
    };
    Err(Failure::new(format!("{address}: {}", bounded(&error.to_string())), look))
}

/// The TLS handshake as the API server does it: for HTTP/1.1, with the Service's name and only these trusted CAs.
pub(super) async fn handshake(
    plan: &Plan,
    name: &str,
    trust: RootCertStore,
    stream: TcpStream,
) -> Result<(String, TlsStream<TcpStream>), Failure> {
    let no_name = |_| Failure::new(format!("{name} is not a valid name"), "the Service's name");
    let server = ServerName::try_from(name.to_owned()).map_err(no_name)?;
    let connector = TlsConnector::from(Arc::new(config(plan, trust)?));
    let stream = in_time(plan, connector.connect(server, stream)).await;
    let stream = stream.map_err(|error| refused(name, &error))?;
    Ok((format!("the certificate for {name} is verified with the caBundle"), stream))
}

fn config(plan: &Plan, trust: RootCertStore) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(error.to_string(), "this build"))?
        .with_root_certificates(trust);
    let mut config = match &plan.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let look = "--client-cert-file and --client-key-file: a PEM chain and its key";
            let bad = |error: &dyn std::fmt::Display| {
                Failure::new(bounded(&format!("client certificate: {error}")), look)
            };
            let chain = CertificateDer::pem_file_iter(certificate)
                .and_then(Iterator::collect)
                .map_err(|error| bad(&error))?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(&error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| bad(&error))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn refused(name: &str, error: &io::Error) -> Failure {
    Failure::new(bounded(&error.to_string()), look_at(name, error))
}

/// Where to look if TLS fails, which may only become apparent with the first response.
pub(super) fn look_at(name: &str, error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>());
    match tls {
        Some(TlsError::InvalidCertificate(error)) => match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the caBundle is not that of the CA that signed the server's certificate: check what writes it, and whether it is late"
                    .to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("the server's certificate: it must be valid for {name}")
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate: why it was not renewed; and the clocks of the nodes".to_owned()
            }
            _ => "the server's certificate".to_owned(),
        },
        Some(TlsError::AlertReceived(alert)) if is_of_client_certificate(*alert) => {
            "the server requires a client certificate (--client-ca-file): set --client-cert-file and \
             --client-key-file"
                .to_owned()
        }
        _ => "what answers on that port, and the server's log".to_owned(),
    }
}

fn is_of_client_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateUnknown
    )
}

/// Fails after the time limit of a step.
async fn in_time<T>(plan: &Plan, what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, late(plan.timeout));
    timeout(plan.timeout, what).await.map_err(late).flatten()
}

pub(super) fn late(limit: Duration) -> String {
    format!("no response within {} s", limit.as_secs())
}
