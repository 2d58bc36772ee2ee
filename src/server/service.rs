//! Handles one request with the axum router: updates the connection's [`Progress`], turns a panic into a 500, and adds
//! `Connection: close` when the connection must end.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures::FutureExt as _;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tower::Service as _;

use super::fair_queue::Peer;
use super::progress::{Phase, Progress};
use super::stats::{Counted, Stats, add_one};

/// State shared by the connections of a listener.
pub(super) struct Shared {
    pub(super) app: Router,
    pub(super) stats: Arc<Stats>,
    pub(super) draining: AtomicBool,
}

/// The response to a request. Its body must be one chunk: the connection counts as idle once a chunk has been sent.
pub(super) async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    progress: &Arc<Progress>,
    shared: &Shared,
) -> Result<Response<axum::body::Body>, Infallible> {
    let _counted = Counted::new(&shared.stats, |stats| &stats.in_flight);
    let body = request.body();
    // Only a chunked body has no length. RFC 9112, 6.3: if there was a Content-Length too, which hyper drops, the
    // connection must be closed.
    let is_chunked = body.size_hint().exact().is_none();
    progress.enter(if body.is_end_stream() { Phase::Handling } else { Phase::Body });
    let mut request = request.map(|inner| RequestBody { inner, progress: Arc::clone(progress) });
    request.extensions_mut().insert(peer);
    let answer = AssertUnwindSafe(shared.app.clone().call(request)).catch_unwind().await;
    let is_panic = answer.is_err();
    let mut response = match answer {
        Ok(response) => response?,
        // The panic hook has logged the message and location.
        Err(_panic) => {
            add_one(&shared.stats.panics);
            let text = "internal error: see the log of the server\n";
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    };
    if is_chunked || is_panic || shared.draining.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    progress.enter(Phase::Answering);
    Ok(response)
}

/// A request's body that records when it is complete, or no longer wanted.
struct RequestBody {
    inner: Incoming,
    progress: Arc<Progress>,
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
            self.progress.advance(Phase::Body, Phase::Handling);
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
        self.progress.advance(Phase::Body, Phase::Handling);
    }
}
