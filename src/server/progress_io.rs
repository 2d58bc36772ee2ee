//! The plain text of a connection, between TLS and hyper. Records in [`Progress`] when a request begins to arrive and
//! when a response has been sent, and ends a read after an order to stop.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::progress::{Phase, Progress};

pub(super) struct ProgressIo<T> {
    inner: T,
    progress: Arc<Progress>,
}

impl<T> ProgressIo<T> {
    pub(super) fn new(inner: T, progress: Arc<Progress>) -> Self {
        Self { inner, progress }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ProgressIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(phase @ (Phase::Head | Phase::Body)) = self.progress.order() {
            let what = match phase {
                Phase::Head => "the request's header did not come in time",
                _ => "the request's body did not come in time",
            };
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)));
        }
        let result = poll_read_all(Pin::new(&mut self.inner), cx, out);
        if !out.filled().is_empty() {
            self.progress.advance(Phase::Idle, Phase::Head);
        }
        result
    }
}

/// Reads until `out` is full or no more data is available. rustls returns one record at a time, and Go sends records of
/// 1.3 KB: hyper would otherwise see a body in ten pieces.
fn poll_read_all<T: AsyncRead>(
    mut inner: Pin<&mut T>,
    cx: &mut Context<'_>,
    out: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let start = out.filled().len();
    loop {
        let before = out.filled().len();
        let result = inner.as_mut().poll_read(cx, out);
        let after = out.filled().len();
        match result {
            Poll::Ready(Ok(())) if after > before && out.remaining() > 0 => {}
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            // Returns the data first. A broken stream fails again on the next read.
            Poll::Pending | Poll::Ready(Err(_)) if after > start => return Poll::Ready(Ok(())),
            unfinished => return unfinished,
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ProgressIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        // hyper flushes only when it has nothing left to write.
        if matches!(result, Poll::Ready(Ok(()))) {
            self.progress.advance(Phase::Answering, Phase::Idle);
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
