//! A client that sends raw bytes, with just enough TLS and HTTP to read responses.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than any step takes: a test that waits for it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn roots(ca: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    roots
}

pub(crate) fn client_config(ca: &str, alpn: &[&[u8]]) -> ClientConfig {
    let mut config =
        ClientConfig::builder().with_root_certificates(roots(ca)).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

/// A connection for raw bytes, with just enough HTTP to find the end of a response.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

impl Client<TlsStream<TcpStream>> {
    /// Connects and verifies the server as localhost with this CA, in PEM.
    pub(crate) async fn connect(
        address: SocketAddr,
        ca: &str,
        alpn: &[&[u8]],
    ) -> std::io::Result<Self> {
        Self::connect_over(TcpStream::connect(address).await?, ca, alpn).await
    }

    /// Connects from another address, such as 127.0.0.2.
    pub(crate) async fn connect_from(
        source: Ipv4Addr,
        address: SocketAddr,
        ca: &str,
    ) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        Self::connect_over(socket.connect(address).await?, ca, &[]).await
    }

    async fn connect_over(stream: TcpStream, ca: &str, alpn: &[&[u8]]) -> std::io::Result<Self> {
        let connector = TlsConnector::from(Arc::new(client_config(ca, alpn)));
        let name = ServerName::try_from("localhost").unwrap();
        // A header and a body are two writes: the second would wait for an acknowledgement of the first.
        stream.set_nodelay(true)?;
        let stream = timeout(PATIENCE, connector.connect(name, stream)).await??;
        Ok(Self::over(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        let send = async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        };
        timeout(PATIENCE, send).await.expect("the server does not read")
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        self.answer().await.expect("the connection ended instead of an answer")
    }

    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.send(head(path, body.len() as u64)).await;
        self.send(body).await;
        self.answer().await.expect("the connection ended instead of an answer")
    }

    /// The next response; none if the connection ends first.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            match self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        let mut answer = Answer { head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |n| n.parse().unwrap());
        while self.unread.len() < length {
            self.more().await?;
        }
        answer.body =
            String::from_utf8_lossy(&self.unread.drain(..length).collect::<Vec<_>>()).into();
        Some(answer)
    }

    async fn more(&mut self) -> Option<()> {
        let mut piece = [0; 16384];
        match self.read(&mut piece).await {
            0 => None,
            n => {
                self.unread.extend_from_slice(&piece[..n]);
                Some(())
            }
        }
    }

    /// An error counts as the end, because untrusted clients are promised no response.
    async fn read(&mut self, piece: &mut [u8]) -> usize {
        timeout(PATIENCE, self.stream.read(piece))
            .await
            .expect("neither an answer nor an end")
            .unwrap_or(0)
    }

    /// Waits for the server to close the connection without another byte.
    pub(crate) async fn ended(&mut self) {
        assert_eq!(self.read(&mut [0; 64]).await, 0, "bytes instead of an end");
    }

    /// Whether the connection is open and silent.
    pub(crate) async fn is_open(&mut self) -> bool {
        let mut piece = [0; 64];
        timeout(Duration::from_millis(20), self.stream.read(&mut piece)).await.is_err()
    }
}

/// The header of a POST that announces a body.
pub(crate) fn head(path: &str, length: u64) -> String {
    let fields = "Host: localhost\r\nContent-Type: application/json";
    format!("POST {path} HTTP/1.1\r\n{fields}\r\nContent-Length: {length}\r\n\r\n")
}
