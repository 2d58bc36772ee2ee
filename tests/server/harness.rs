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
    BodyError, BodyLimits, Identity, Intake, Limits, Serving, Shutdown, Stats, Transport, Trigger,
    body, run, shutdown,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything here takes: a test that waits for it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The app behind the server, and what a test can see of it.
#[derive(Clone)]
pub struct App {
    pub intake: Intake,
    /// `/wait` answers when this is notified.
    pub go: Arc<Notify>,
}

pub fn router(app: App) -> Router {
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
pub struct Server {
    pub address: SocketAddr,
    pub app: App,
    pub stats: Arc<Stats>,
    pub ca: String,
    pub trigger: Trigger,
    pub shutdown: Shutdown,
    pub task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// With the real limits, but no minimum for draining.
pub fn limits() -> Limits {
    Limits {
        drain_at_least: Duration::ZERO,
        ..Limits::default()
    }
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        Self::with(limits, BodyLimits::default()).await
    }

    pub async fn with(limits: Limits, bodies: BodyLimits) -> Self {
        let SelfSigned { identity, ca_pem } = tls::self_signed(&[]).unwrap();
        Self::showing(identity, ca_pem, limits, bodies).await
    }

    pub async fn showing(
        identity: Arc<Identity>,
        ca: String,
        limits: Limits,
        bodies: BodyLimits,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App {
            intake: Intake::new(bodies),
            go: Arc::new(Notify::new()),
        };
        let stats = Arc::new(Stats::default());
        let (trigger, shutdown) = shutdown::shutdown();
        let serving = Serving {
            app: router(app.clone()),
            transport: Transport::Tls(tls::server_config(identity).unwrap()),
            limits,
            stats: Arc::clone(&stats),
        };
        Self {
            address,
            app,
            stats,
            ca,
            trigger,
            task: tokio::task::spawn_local_or_here(run(listener, serving, shutdown.clone())),
            shutdown,
        }
    }

    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub async fn connect(&self) -> Client<TlsStream<TcpStream>> {
        self.try_connect(&[b"http/1.1"]).await.unwrap()
    }

    pub async fn try_connect(
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
