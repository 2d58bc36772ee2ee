//! One connection, from the TLS handshake to its last answer, all in one task.
//!
//! It has no timers. Whether it may go on is the accept loop's word, which comes through the
//! [`Meter`] and is obeyed only after everything that has arrived was looked at: a request that is
//! already there is served, not cut off.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::listen::Transport;
use super::meter::{Meter, Phase};
use super::metered_io::MeteredIo;
use super::read_ahead::ReadAhead;
use super::seldom::Seldom;
use super::service::{Requests, Shared};
use super::stats::{Counted, add_one};
use super::turns::Peer;

/// The most that hyper buffers of a header, or reads of a body at once, in bytes. The API server's
/// headers are 300 bytes.
const BUFFER: usize = 64 << 10;

/// Serves until the peer, an error or an order ends it.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    transport: Transport,
    meter: Arc<Meter>,
    shared: Arc<Shared>,
) {
    let _counted = Counted::new(&shared.stats, |stats| &stats.connections);
    // A failure means that the peer is gone, which the first read says too.
    let _ = stream.set_nodelay(true);
    match transport {
        Transport::Plain => {
            meter.enter(Phase::Idle);
            serve_http(stream, peer, meter, shared).await;
        }
        Transport::Tls(config) => match handshake(stream, config, &meter, &shared).await {
            Ok(tls) => {
                meter.enter(Phase::Idle);
                serve_http(tls, peer, meter, shared).await;
            }
            Err(error) => {
                add_one(&shared.stats.failed_handshakes);
                report_failed_handshake(peer, &error);
            }
        },
    }
}

async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    meter: &Meter,
    shared: &Shared,
) -> io::Result<tokio_rustls::server::TlsStream<ReadAhead>> {
    let _counted = Counted::new(&shared.stats, |stats| &stats.handshakes);
    let accept = TlsAcceptor::from(config).accept(ReadAhead::new(stream));
    let mut accept = pin!(accept);
    let mut watch = Watch::default();
    poll_fn(|cx| {
        watch.by(meter, cx);
        match accept.as_mut().poll(cx) {
            Poll::Pending if meter.stopped().is_some() => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            poll => poll,
        }
    })
    .await
}

/// A peer that refuses our certificate is the operator's business. All else is port scans and probes:
/// nobody's.
fn report_failed_handshake(peer: SocketAddr, error: &io::Error) {
    static WARNED: Seldom = Seldom::new();
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    let alert = matches!(tls, Some(rustls::Error::AlertReceived(_)));
    match alert.then(|| WARNED.now()).flatten() {
        Some(unsaid) => {
            warn!(%peer, %error, unsaid, "a client refused the handshake: does its CA bundle fit?");
        }
        None => debug!(%peer, %error, "TLS handshake failed"),
    }
}

async fn serve_http<T>(io: T, peer: SocketAddr, meter: Arc<Meter>, shared: Arc<Shared>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let requests = Requests { shared, meter: Arc::clone(&meter), peer: Peer(peer.ip()) };
    // No header_read_timeout: hyper's also closes idle connections.
    let connection = http1::Builder::new()
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(MeteredIo::new(io, Arc::clone(&meter))), requests);
    let mut connection = pin!(connection);
    let mut watch = Watch::default();
    let end = poll_fn(|cx| {
        watch.by(&meter, cx);
        if let Poll::Ready(end) = connection.as_mut().poll(cx) {
            return Poll::Ready(end);
        }
        match meter.stopped() {
            None => Poll::Pending,
            Some(Phase::Idle) => {
                // Says goodbye, as far as that goes without waiting for the peer.
                connection.as_mut().graceful_shutdown();
                match connection.as_mut().poll(cx) {
                    Poll::Pending => Poll::Ready(Ok(())),
                    end @ Poll::Ready(_) => end,
                }
            }
            Some(_) => Poll::Ready(Ok(())),
        }
    })
    .await;
    if let Err(error) = end {
        debug!(%peer, %error, "connection ended");
    }
}

/// Registers the task with the meter once, not at each poll.
#[derive(Default)]
struct Watch(Option<Waker>);

impl Watch {
    fn by(&mut self, meter: &Meter, cx: &Context<'_>) {
        let known = self.0.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if !known {
            meter.wake_by(cx.waker());
            self.0 = Some(cx.waker().clone());
        }
    }
}
