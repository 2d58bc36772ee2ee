//! A server on a free port of 127.0.0.1 and a client that sends raw bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use portcullis::server::tls::{self, SelfSigned};
use portcullis::server::{
    BodyError, BodyLimits, Identity, Intake, Limits, Serving, Stats, Transport, Trigger, body, run,
    shutdown,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything here takes: a test that waits for it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The app behind the server, and what a test can see of it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) intake: Intake,
    /// `/wait` answers when this is notified.
    pub(crate) go: Arc<Notify>,
}

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/hello", get(async || "hello\n"))
        .route("/echo", post(echo))
        .route("/length", post(length))
        .route("/wait", get(wait))
        .route("/panic", get(panics))
        .with_state(app)
}

async fn echo(State(app): State<App>, body: Body) -> Response {
    match app.intake.read(body).await {
        Ok(received) => received.bytes.into_response(),
        Err(error) => refuse(error),
    }
}

/// Keeps the body while it waits.
async fn length(State(app): State<App>, body: Body) -> Response {
    match app.intake.read(body).await {
        Ok(received) => {
            if received.bytes.starts_with(b"wait") {
                app.go.notified().await;
            }
            format!("{}\n", received.bytes.len()).into_response()
        }
        Err(error) => refuse(error),
    }
}

fn refuse(error: BodyError) -> Response {
    match error {
        BodyError::Busy => body::shed(),
        BodyError::TooLarge { head, limit } => {
            let head = String::from_utf8_lossy(&head).into_owned();
            format!("denied: over {limit}, {} bytes kept: {head:.20}\n", head.len()).into_response()
        }
        BodyError::Incomplete(why) => (http::StatusCode::BAD_REQUEST, why).into_response(),
    }
}

async fn wait(State(app): State<App>) -> &'static str {
    app.go.notified().await;
    "waited\n"
}

async fn panics() -> &'static str {
    panic!("as asked")
}

/// Ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) app: App,
    pub(crate) stats: Arc<Stats>,
    pub(crate) ca: String,
    pub(crate) trigger: Trigger,
    task: JoinSet<()>,
}

/// With the real limits, but no minimum for draining.
pub(crate) fn limits() -> Limits {
    Limits { drain_at_least: Duration::ZERO, ..Limits::default() }
}

impl Server {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::with(limits, BodyLimits::default()).await
    }

    pub(crate) async fn with(limits: Limits, bodies: BodyLimits) -> Self {
        let SelfSigned { identity, ca_pem } = tls::self_signed(&[]).unwrap();
        Self::showing(identity, ca_pem, limits, bodies).await
    }

    pub(crate) async fn showing(
        identity: Arc<Identity>,
        ca: String,
        limits: Limits,
        bodies: BodyLimits,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App { intake: Intake::new(bodies), go: Arc::new(Notify::new()) };
        let stats = Arc::new(Stats::default());
        let (trigger, shutdown) = shutdown::shutdown();
        let serving = Serving {
            app: router(app.clone()),
            transport: Transport::Tls(tls::server_config(identity).unwrap()),
            limits,
            stats: Arc::clone(&stats),
        };
        let mut task = JoinSet::new();
        task.spawn(run(listener, serving, shutdown));
        Self { address, app, stats, ca, trigger, task }
    }

    /// Waits until the server has returned of itself.
    pub(crate) async fn finished(&mut self) {
        let end = timeout(PATIENCE, self.task.join_next()).await.expect("did not finish");
        end.unwrap().unwrap();
    }

    pub(crate) fn is_finished(&mut self) -> bool {
        self.task.try_join_next().is_some()
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> Client<TlsStream<TcpStream>> {
        self.try_connect(&[b"http/1.1"]).await.unwrap()
    }

    pub(crate) async fn try_connect(
        &self,
        alpn: &[&[u8]],
    ) -> std::io::Result<Client<TlsStream<TcpStream>>> {
        let connector = TlsConnector::from(Arc::new(client_config(&self.ca, alpn)));
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(self.address).await?;
        let stream = timeout(PATIENCE, connector.connect(name, stream)).await.unwrap()?;
        Ok(Client { stream, unread: Vec::new() })
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

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

/// Raw bytes over a connection, with just enough HTTP to find where an answer ends.
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

    /// The next answer; none when the connection ends first.
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

    /// An error counts as the end: what strangers are told is nobody's promise.
    async fn read(&mut self, piece: &mut [u8]) -> usize {
        timeout(PATIENCE, self.stream.read(piece))
            .await
            .expect("neither an answer nor an end")
            .unwrap_or(0)
    }

    /// Waits for the server to end the connection without another byte.
    pub(crate) async fn ended(&mut self) {
        assert_eq!(self.read(&mut [0; 64]).await, 0, "bytes instead of an end");
    }

    /// Whether the connection is open and quiet now.
    pub(crate) async fn is_open(&mut self) -> bool {
        let mut piece = [0; 64];
        timeout(Duration::from_millis(20), self.stream.read(&mut piece)).await.is_err()
    }
}

/// The header of a POST that announces a body.
pub(crate) fn head(path: &str, length: u64) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
}
