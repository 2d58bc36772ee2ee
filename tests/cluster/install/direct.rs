//! Calls a replica directly, without the API server, like any client that reaches its port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{
    client::{Client, head},
    cluster::Cluster,
    helm::RELEASE,
    nodelet::Replica,
};

/// The response to this review, if the server answers clients without a certificate.
pub(crate) async fn ask(cluster: &Cluster, replica: &Replica, review: &str) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(cluster.authorities().await.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(format!("{RELEASE}.{RELEASE}.svc")).unwrap();
    let address = SocketAddr::from((replica.address(), replica.port("webhook")));
    let stream = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let mut client = Client::over(stream);
    let length = u64::try_from(review.len()).unwrap();
    client.try_send(format!("{}{review}", head("/validate", length))).await?;
    match client.answer().await {
        Some(answer) => Ok(answer.body),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
