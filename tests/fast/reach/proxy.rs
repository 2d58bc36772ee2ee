//! Proxies for CONNECT, also over TLS, and SOCKS 5, on a separate runtime. They forward all connections and count them.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::support::certificates::Serving;

/// The protocol between client and proxy.
#[derive(Clone)]
pub(crate) enum Speaks {
    Connect,
    ConnectOverTls(TlsAcceptor),
    Socks5,
}

impl Speaks {
    pub(crate) fn connect_over_tls(serving: &Serving) -> Self {
        let chain = CertificateDer::pem_file_iter(&serving.certificate).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(&serving.key).unwrap(),
        );
        Self::ConnectOverTls(TlsAcceptor::from(Arc::new(config.unwrap())))
    }
}

/// A running proxy. Ends when dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    cutting: Arc<Notify>,
    runtime: Option<Runtime>,
}

/// The behaviour of the proxy.
#[derive(Clone)]
struct Manner {
    speaks: Speaks,
    /// The required user and password.
    credentials: Option<(&'static str, &'static str)>,
    /// The port to which all connections are forwarded.
    target: Option<u16>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy that forwards to this port of 127.0.0.1, or refuses everything.
    pub(crate) fn start(
        speaks: Speaks,
        credentials: Option<(&'static str, &'static str)>,
        target: Option<u16>,
    ) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let manner = Manner { speaks, credentials, target, asked: Arc::clone(&asked) };
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let cutting = Arc::<Notify>::default();
        let cut = Arc::clone(&cutting);
        runtime.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, cut) = (manner.clone(), Arc::clone(&cut));
                connections.spawn(async move {
                    tokio::select! {
                        _ = manner.serve(stream) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        Self { port, asked, cutting, runtime: Some(runtime) }
    }

    /// Closes every connection.
    pub(crate) fn cut(&self) {
        self.cutting.notify_waiters();
    }

    /// The requested destinations since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Manner {
    async fn serve(self, stream: TcpStream) -> io::Result<()> {
        match self.speaks.clone() {
            Speaks::Connect => self.connect(stream).await,
            Speaks::ConnectOverTls(acceptor) => self.connect(acceptor.accept(stream).await?).await,
            Speaks::Socks5 => self.socks(stream).await,
        }
    }

    async fn pass(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut target = TcpStream::connect((Ipv4Addr::LOCALHOST, self.target.unwrap())).await?;
        copy_bidirectional(&mut stream, &mut target).await.map(drop)
    }

    async fn connect(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut words = head.split_whitespace();
        assert_eq!(words.next(), Some("CONNECT"), "{head}");
        let place = words.next().unwrap().to_owned();
        let shown = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: Basic "));
        let wanted = self
            .credentials
            .map(|(user, password)| BASE64_STANDARD.encode(format!("{user}:{password}")));
        if wanted.as_deref() != shown {
            return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        }
        self.asked.lock().unwrap().push(place);
        if self.target.is_none() {
            return stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        self.pass(stream).await
    }

    /// RFC 1928 and 1929.
    async fn socks(&self, mut stream: TcpStream) -> io::Result<()> {
        const NO_AUTHENTICATION: u8 = 0;
        const USER_AND_PASSWORD: u8 = 2;
        assert_eq!(stream.read_u8().await?, 5);
        let offered = take(&mut stream).await?;
        let method = if self.credentials.is_some() { USER_AND_PASSWORD } else { NO_AUTHENTICATION };
        if !offered.contains(&method) {
            return stream.write_all(&[5, 0xff]).await;
        }
        stream.write_all(&[5, method]).await?;
        if let Some((user, password)) = self.credentials {
            assert_eq!(stream.read_u8().await?, 1);
            let shown = (take(&mut stream).await?, take(&mut stream).await?);
            let is_good = shown == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
            stream.write_all(&[1, u8::from(!is_good)]).await?;
            if !is_good {
                return Ok(());
            }
        }
        let mut request = [0; 4];
        stream.read_exact(&mut request).await?;
        let host = match request[3] {
            1 => Ipv4Addr::from(stream.read_u32().await?).to_string(),
            3 => String::from_utf8(take(&mut stream).await?).unwrap(),
            4 => Ipv6Addr::from(stream.read_u128().await?).to_string(),
            other => panic!("address type {other}"),
        };
        let port = stream.read_u16().await?;
        self.asked.lock().unwrap().push(format!("{host}:{port}"));
        let code = if self.target.is_some() { 0 } else { 2 };
        stream.write_all(&[5, code, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
        if code == 0 { self.pass(stream).await } else { Ok(()) }
    }
}

/// Reads as many bytes as the first byte says.
async fn take(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let count = stream.read_u8().await?;
    let mut bytes = vec![0; usize::from(count)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
