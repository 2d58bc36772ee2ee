//! A stub API server over TLS on a separate runtime, of an empty cluster except for the responses that a test sets.
//! Records requests.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{certificates::Serving, process::Folder};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// The server name in the client's TLS handshake.
    pub(crate) server_name: Option<String>,
    /// Whether the client presented a certificate.
    pub(crate) has_certificate: bool,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A running server. Ends when dropped.
pub(crate) struct ApiServer {
    pub(crate) port: u16,
    pub(crate) serving: Serving,
    /// A client certificate and key that it trusts, in PEM.
    pub(crate) client: (String, String),
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Answers,
    runtime: Option<Runtime>,
    /// Milliseconds before each response.
    pause: Arc<AtomicU64>,
}

/// Code and body by path.
type Answers = Arc<Mutex<BTreeMap<String, (u16, Value)>>>;

impl ApiServer {
    /// For 127.0.0.1, and for 0.0.0.0, which also leads to it but is not a loopback address in Go.
    pub(crate) fn start(folder: &Folder) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let serving = Serving::under(folder, &["0.0.0.0", "api.example"]);
        let (authority, client) = client();
        let acceptor = acceptor(&serving, authority);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let noting = Arc::clone(&seen);
        let answers = Answers::default();
        let answering = Arc::clone(&answers);
        let pause = Arc::<AtomicU64>::default();
        let pausing = Arc::clone(&pause);
        runtime.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (noting, answering) = (Arc::clone(&noting), Arc::clone(&answering));
                let pausing = Arc::clone(&pausing);
                connections.spawn(serve(acceptor.clone(), stream, noting, answering, pausing));
            }
        });
        Self { port, serving, client, seen, answers, runtime: Some(runtime), pause }
    }

    /// Sets the response for a path.
    pub(crate) fn answer(&self, path: &str, code: u16, body: Value) {
        self.answers.lock().unwrap().insert(path.to_owned(), (code, body));
    }

    /// Sets a delay of each response.
    pub(crate) fn slow_down(&self, pause: Duration) {
        self.pause.store(pause.as_millis().try_into().unwrap(), Ordering::Relaxed);
    }

    /// Responds with Forbidden, like an API server.
    pub(crate) fn forbid(&self, path: &str) {
        let message = format!("User \"reader\" cannot get path {path}");
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {}, "code": 403, "reason": "Forbidden", "message": message});
        self.answer(path, 403, status);
    }

    /// The requests since the last call.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// A kubeconfig for it, with these additional fields of the cluster and the user.
    pub(crate) fn kubeconfig(&self, cluster: &Value, user: &Value) -> Value {
        let mut all = json!({
            "server": format!("https://127.0.0.1:{}", self.port),
            "certificate-authority": self.serving.authority,
        });
        merge(&mut all, cluster);
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": all}],
            "users": [{"name": "u", "user": user}],
        })
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

fn merge(all: &mut Value, more: &Value) {
    for (key, value) in more.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(key);
        } else {
            all[key] = value.clone();
        }
    }
}

/// A CA for clients, and a client certificate that it signed.
fn client() -> (CertificateDer<'static>, (String, String)) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "clients");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "somebody");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    (authority.der().clone(), (certificate.pem(), key.serialize_pem()))
}

/// A TLS acceptor that also accepts client certificates.
fn acceptor(serving: &Serving, clients: CertificateDer<'static>) -> TlsAcceptor {
    let mut roots = RootCertStore::empty();
    roots.add(clients).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build();
    let chain = CertificateDer::pem_file_iter(&serving.certificate).unwrap();
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier.unwrap())
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(&serving.key).unwrap(),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Answers,
    pause: Arc<AtomicU64>,
) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let (_, tls) = stream.get_ref();
    let server_name = tls.server_name().map(str::to_owned);
    let has_certificate = tls.peer_certificates().is_some();
    let service = service_fn(move |request: Request<Incoming>| {
        let (head, _) = request.into_parts();
        let path = head.uri.path().to_owned();
        let given = answers.lock().unwrap().get(&path).cloned();
        let (code, answer) = given.unwrap_or_else(|| (200, answer(&path)));
        seen.lock().unwrap().push(Seen {
            path,
            headers: head.headers,
            server_name: server_name.clone(),
            has_certificate,
        });
        let response = Response::builder().status(code).body(answer.to_string()).unwrap();
        let pause = Duration::from_millis(pause.load(Ordering::Relaxed));
        async move {
            tokio::time::sleep(pause).await;
            Ok::<_, Infallible>(response)
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn answer(path: &str) -> Value {
    if path.ends_with("/version") {
        return json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""});
    }
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []})
}
