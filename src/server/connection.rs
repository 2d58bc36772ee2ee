//! One connection, from the TLS handshake to its last response, in one task.
//!
//! The task has no timers. The accept loop orders it to stop through [`Progress`]. The task obeys only after it has
//! looked at all data that has arrived: a complete request is served, not cut off.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures::future::poll_immediate;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{debug, warn};

use super::fair_queue::Peer;
use super::listen::Transport;
use super::progress::{Phase, Progress};
use super::progress_io::ProgressIo;
use super::rate_limited_log::RateLimitedLog;
use super::read_ahead::read_ahead;
use super::service::{Shared, answer};
use super::stats::{Counted, add_one};

/// Maximum size of a header that hyper buffers, and of one read of a body, in bytes. The API server's headers have 300
/// bytes.
const BUFFER: usize = 64 << 10;

/// Serves until the peer, an error or an order ends it.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    transport: Transport,
    progress: Arc<Progress>,
    shared: Arc<Shared>,
) {
    let _counted = Counted::new(&shared.stats, |stats| &stats.connections);
    // A failure means that the peer is gone, which the first read reports too.
    let _ = stream.set_nodelay(true);
    match transport {
        Transport::Plain => serve_http(stream, peer, &progress, &shared).await,
        Transport::Tls(config) => match handshake(stream, config, &progress, &shared).await {
            Ok(stream) => serve_http(stream, peer, &progress, &shared).await,
            Err(error) => {
                add_one(&shared.stats.failed_handshakes);
                log_failed_handshake(peer, &error);
            }
        },
    }
}

async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    progress: &Progress,
    shared: &Shared,
) -> io::Result<TlsStream<impl AsyncRead + AsyncWrite + Unpin>> {
    let _counted = Counted::new(&shared.stats, |stats| &stats.handshakes);
    tokio::select! {
        biased;
        accepted = TlsAcceptor::from(config).accept(read_ahead(stream)) => accepted,
        _ = progress.stopped() => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// A client that rejects the server's certificate needs the operator's attention. Everything else is port scans and
/// probes.
fn log_failed_handshake(peer: SocketAddr, error: &io::Error) {
    static LOG: RateLimitedLog = RateLimitedLog::new();
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    let alert = matches!(tls, Some(rustls::Error::AlertReceived(_)));
    match alert.then(|| LOG.next()).flatten() {
        Some(unsaid) => {
            warn!(%peer, %error, unsaid, "a client refused the handshake: does its CA bundle fit?");
        }
        None => debug!(%peer, %error, "TLS handshake failed"),
    }
}

async fn serve_http<T>(io: T, peer: SocketAddr, progress: &Arc<Progress>, shared: &Shared)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    progress.enter(Phase::Idle);
    let service = service_fn(|request| answer(request, Peer(peer.ip()), progress, shared));
    // header_read_timeout is not set, because hyper's also closes idle connections.
    let connection = http1::Builder::new()
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(ProgressIo::new(io, Arc::clone(progress))), service);
    let mut connection = pin!(connection);
    let end = tokio::select! {
        biased;
        end = &mut connection => end,
        phase = progress.stopped() => {
            if phase == Phase::Idle {
                // Sends TLS's close_notify, if that is possible without waiting for the peer.
                connection.as_mut().graceful_shutdown();
                poll_immediate(connection).await.unwrap_or(Ok(()))
            } else {
                Ok(())
            }
        }
    };
    if let Err(error) = end {
        debug!(%peer, %error, "connection ended");
    }
}
