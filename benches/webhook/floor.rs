//! The floor of the webhook benchmark: what any server on our accept loop costs that judges nothing.
//!
//! The same socket, TLS, router and body reading as `portcullis serve`, and one constant answer. It decodes,
//! decides and counts nothing.
//!
//! `floor ADDRESS CERTIFICATE KEY ANSWER`: the last three are files.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{StatusCode, header::CONTENT_TYPE};
use portcullis::server::{
    self, BodyLimits, Identity, Intake, Limits, Serving, Transport, shutdown::shutdown, tls,
};

/// As the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, certificate, key, answer] = arguments.as_slice() else {
        anyhow::bail!("usage: floor ADDRESS CERTIFICATE KEY ANSWER");
    };
    let answer = std::fs::read(answer).with_context(|| format!("cannot read {answer}"))?;
    let files = tls::Files { certificate: PathBuf::from(certificate), key: PathBuf::from(key) };
    let serving = Serving {
        app: router(answer.into()),
        transport: Transport::Tls(tls::server_config(Identity::load(files)?)?),
        limits: Limits::default(),
        stats: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        // A signal ends it; nothing drains it.
        let (_trigger, stop) = shutdown();
        server::run(listener, serving, stop).await;
        Ok(())
    })
}

/// Any complete request gets the response.
fn router(answer: Bytes) -> Router {
    let intake = Intake::new(BodyLimits::default());
    Router::new().route("/validate", post(echo)).with_state((intake, answer))
}

async fn echo(State((intake, answer)): State<(Intake, Bytes)>, body: Body) -> Response {
    match intake.read(body).await {
        Ok(_received) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}
