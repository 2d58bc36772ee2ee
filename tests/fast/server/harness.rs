//! A test server on a free port of 127.0.0.1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use portcullis::certificates::standalone;
use portcullis::server::tls;
use portcullis::server::{
    BodyError, BodyLimits, Identity, Intake, Limits, Serving, Stats, Transport, Trigger, body, run,
    shutdown,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

pub(crate) use crate::support::client::{Client, PATIENCE, client_config, head, roots};

/// The app of the server, and its state for tests.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) intake: Intake,
    /// `/wait` responds when this is notified.
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

/// Ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) app: App,
    pub(crate) stats: Arc<Stats>,
    pub(crate) ca: String,
    pub(crate) trigger: Trigger,
    task: JoinSet<()>,
}

/// The default limits, but without a minimum for draining.
pub(crate) fn limits() -> Limits {
    Limits { drain_at_least: Duration::ZERO, ..Limits::default() }
}

impl Server {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::with(limits, BodyLimits::default()).await
    }

    pub(crate) async fn with(limits: Limits, bodies: BodyLimits) -> Self {
        let (identity, ca_pem) = standalone(&[]).unwrap();
        Self::showing(identity, ca_pem, limits, bodies).await
    }

    pub(crate) async fn showing(
        identity: Arc<Identity>,
        ca: String,
        limits: Limits,
        bodies: BodyLimits,
    ) -> Self {
        Self::speaking(tls::server_config(identity).unwrap(), ca, limits, bodies).await
    }

    pub(crate) async fn speaking(
        config: Arc<rustls::ServerConfig>,
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
            transport: Transport::Tls(config),
            limits,
            stats: Arc::clone(&stats),
        };
        let mut task = JoinSet::new();
        task.spawn(run(listener, serving, shutdown));
        Self { address, app, stats, ca, trigger, task }
    }

    /// Waits until the server has returned by itself.
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
        Client::connect(self.address, &self.ca, alpn).await
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
