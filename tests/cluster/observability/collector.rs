//! A stub OpenTelemetry collector that stores spans.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::support::{certificates::Serving, process::Folder};

/// A running collector, which stops when dropped.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    pub(crate) authority: Option<PathBuf>,
    received: Received,
    _running: JoinSet<()>,
    _folder: Folder,
}

/// Bodies, each with its request's headers.
type Received = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

impl Collector {
    pub(crate) async fn plain() -> Self {
        Self::start(Folder::new("collector"), None).await
    }

    pub(crate) async fn tls() -> Self {
        let folder = Folder::new("collector");
        let serving = Serving::new(&folder);
        Self::start(folder, Some(serving)).await
    }

    async fn start(folder: Folder, serving: Option<Serving>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Received::default();
        let acceptor = serving.as_ref().map(acceptor);
        let mut running = JoinSet::new();
        running.spawn(accept(listener, acceptor, Arc::clone(&received)));
        let authority = serving.map(|serving| serving.authority);
        Self { address, authority, received, _running: running, _folder: folder }
    }

    /// The headers received so far.
    pub(crate) fn heads(&self) -> Vec<http::request::Parts> {
        self.received.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }

    /// All bytes received so far, as text.
    pub(crate) fn text(&self) -> String {
        let received = self.received.lock().unwrap();
        received.iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.exported().into_iter().flat_map(|export| export.resource_spans);
        resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
    }

    pub(crate) fn resources(&self) -> Vec<Resource> {
        let resources = self.exported().into_iter().flat_map(|export| export.resource_spans);
        resources.filter_map(|of| of.resource).collect()
    }

    fn exported(&self) -> Vec<ExportTraceServiceRequest> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .map(|(_, body)| ExportTraceServiceRequest::decode(&body[..]).unwrap())
            .collect()
    }
}

fn acceptor(serving: &Serving) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&serving.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(&serving.key).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, received: Received) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, received) = (acceptor.clone(), Arc::clone(&received));
        connections.spawn(async move {
            match acceptor {
                None => serve(stream, received).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, received).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, received: Received) {
    let service = service_fn(|request: Request<Incoming>| {
        let received = Arc::clone(&received);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            received.lock().unwrap().push((head, body));
            // An empty message: everything was accepted.
            Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::new())))
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Accepts connections without ever responding.
pub(crate) async fn mute() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut running = JoinSet::new();
    running.spawn(async move {
        let mut open: Vec<TcpStream> = Vec::new();
        loop {
            open.push(listener.accept().await.unwrap().0);
        }
    });
    (address, running)
}

/// Attributes as JSON.
pub(crate) fn attributes(attributes: &[KeyValue]) -> Value {
    let pairs = attributes.iter().map(|attribute| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        (attribute.key.clone(), value.map_or(Value::Null, plain))
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn plain(value: &Any) -> Value {
    match value {
        Any::StringValue(text) => json!(text),
        Any::BoolValue(flag) => json!(flag),
        Any::IntValue(number) => json!(number),
        Any::ArrayValue(list) => list
            .values
            .iter()
            .map(|value| value.value.as_ref().map_or(Value::Null, plain))
            .collect(),
        other => panic!("no attribute of ours: {other:?}"),
    }
}
