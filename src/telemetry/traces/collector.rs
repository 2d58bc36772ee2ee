//! Sends batches of spans to the collector, with a new connection for each, since they are seconds apart.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderValue, Uri, header::HOST, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Handle,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

/// For one batch, from connecting to the end of the response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of bytes that are read of a response.
const MAX_ANSWER: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Collector {
    /// The exporter's thread does not run on a runtime.
    runtime: Handle,
    tls: Option<Arc<ClientConfig>>,
    /// Keeps repeated failures from being logged more than once.
    is_failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(runtime: Handle, tls: Option<ClientConfig>) -> Self {
        Self { runtime, tls: tls.map(Arc::new), is_failing: AtomicBool::new(false) }
    }

    fn log(&self, endpoint: &Uri, result: &Result<Response<Bytes>, HttpError>) {
        let why = match result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let was_failing = self.is_failing.swap(why.is_some(), Ordering::Relaxed);
        match why {
            Some(why) if !was_failing => {
                tracing::warn!(%endpoint, why, "traces cannot be delivered, and are dropped");
            }
            None if was_failing => tracing::info!(%endpoint, "traces are delivered again"),
            Some(_) | None => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let endpoint = request.uri().clone();
        let sending = tokio::time::timeout;
        let tls = self.tls.clone();
        let sent = self.runtime.spawn(async move { sending(TIMEOUT, send(tls, request)).await });
        let result = match sent.await {
            Ok(Ok(result)) => result,
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(ended) => Err(ended.into()),
        };
        self.log(&endpoint, &result);
        result
    }
}

async fn send(
    tls: Option<Arc<ClientConfig>>,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let uri = std::mem::take(request.uri_mut());
    let host = uri.host().ok_or("the collector's URL names no host")?.to_owned();
    // A URI encloses an IPv6 address in brackets.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority)?);
    *request.uri_mut() =
        Uri::from(uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    match tls {
        None => exchange(stream, request).await,
        Some(config) => {
            let name = ServerName::try_from(host)?;
            exchange(TlsConnector::from(config).connect(name, stream).await?, request).await
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Aborts the connection's task when this function returns.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let response = sender.send_request(request.map(Full::new)).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}
