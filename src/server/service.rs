//! One request on its way through the axum router: keeps the connection's [`Meter`] up to date, turns
//! a panic into a 500, and says `Connection: close` when the connection is to end.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::routing::future::RouteFuture;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tower::Service;

use super::meter::{Meter, Phase};
use super::stats::{Counted, Stats, add_one};
use super::turns::Peer;

/// What all connections of a listener share.
pub(super) struct Shared {
    pub(super) app: Router,
    pub(super) stats: Arc<Stats>,
    pub(super) draining: AtomicBool,
}

/// The service of one connection.
pub(super) struct Requests {
    pub(super) shared: Arc<Shared>,
    pub(super) meter: Arc<Meter>,
    pub(super) peer: Peer,
}

impl hyper::service::Service<Request<Incoming>> for Requests {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = InFlight;

    fn call(&self, request: Request<Incoming>) -> InFlight {
        let body = request.body();
        let end = match body.size_hint().exact() {
            // Only a chunked body has no length. RFC 9112, 6.3: if it came with a Content-Length too,
            // which hyper drops unseen, the connection must end with it.
            None => End::Close,
            Some(_) => End::KeepAlive,
        };
        self.meter.enter(if body.is_end_stream() { Phase::Handling } else { Phase::Body });
        let mut request =
            request.map(|inner| RequestBody { inner, meter: Arc::clone(&self.meter) });
        request.extensions_mut().insert(self.peer);
        InFlight {
            future: Some(self.shared.app.clone().call(request)),
            shared: Arc::clone(&self.shared),
            meter: Arc::clone(&self.meter),
            end,
            _counted: Counted::new(&self.shared.stats, |stats| &stats.in_flight),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    KeepAlive,
    Close,
}

/// A request being handled, polled in the connection's task.
pub(super) struct InFlight {
    future: Option<RouteFuture<Infallible>>,
    shared: Arc<Shared>,
    meter: Arc<Meter>,
    end: End,
    _counted: Counted,
}

impl Future for InFlight {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(future) = &mut this.future else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(cx)));
        let mut response = match polled {
            Ok(poll) => ready!(poll)?,
            Err(_panic) => {
                // The panic hook has said what and where.
                this.future = None;
                this.end = End::Close;
                add_one(&this.shared.stats.panics);
                internal_error()
            }
        };
        if this.end == End::Close || this.shared.draining.load(Ordering::Relaxed) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        this.meter.enter(Phase::Answering);
        Poll::Ready(Ok(response.map(|inner| Answer { inner, meter: Arc::clone(&this.meter) })))
    }
}

fn internal_error() -> Response<axum::body::Body> {
    let mut response =
        Response::new(axum::body::Body::from("internal error: see the log of the server\n"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A request's body that notes when it is complete, or no longer wanted.
struct RequestBody {
    inner: Incoming,
    meter: Arc<Meter>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || self.inner.is_end_stream() {
            self.meter.advance(Phase::Body, Phase::Handling);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.meter.advance(Phase::Body, Phase::Handling);
    }
}

/// An answer's body that notes when hyper has taken all of it.
pub(super) struct Answer {
    inner: axum::body::Body,
    meter: Arc<Meter>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.meter.advance(Phase::Answering, Phase::Flushing);
    }
}
