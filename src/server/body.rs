//! Reads request bodies within one budget for the whole process.
//!
//! Bytes are counted as they arrive: a client's Content-Length reserves nothing. Part of the budget is reserved for
//! small bodies, so that ordinary reviews pass while a few huge ones fill the rest. Nothing waits for budget: a request
//! without budget is shed, and the API server retries it, possibly on another replica. The connection's body deadline
//! limits the time, and ends a read with an error.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONNECTION, RETRY_AFTER};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use memmap2::MmapMut;
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::budget::{Budget, Charge};
use super::fair_queue::{FairQueue, Peer};
use super::limits::BodyLimits;

/// Reads bodies. Cheap to clone; all clones share one budget.
#[derive(Clone, Debug)]
pub struct Intake {
    budget: Arc<Budget>,
    large: Arc<FairQueue>,
}

/// A complete body. Dropping it releases its part of the budget.
#[derive(Debug)]
pub struct Received {
    /// The whole body.
    pub bytes: Bytes,
    _charge: Charge,
}

/// Why a body could not be read.
#[derive(Debug, Error)]
pub enum BodyError {
    /// The budget is exhausted: respond with [`shed`].
    #[error("too many bytes of request bodies in memory")]
    Busy,
    /// Too large to judge. Such an admission request must be *denied*: an error would admit it if the webhook's
    /// failurePolicy is Ignore.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The first bytes, which contain the uid.
        head: Bytes,
        /// The maximum size, in bytes.
        limit: usize,
    },
    /// Truncated, too slow, or with wrong framing.
    #[error("the request body did not come whole: {0}")]
    Incomplete(String),
}

impl Intake {
    /// Creates an intake with an unused budget.
    #[must_use]
    pub fn new(limits: BodyLimits) -> Self {
        Self { budget: Arc::new(Budget::new(limits)), large: Arc::new(FairQueue::new(1)) }
    }

    /// Processes this many bytes of a body. A small body takes a few milliseconds, and is processed immediately on the
    /// caller's thread. A large one would block other requests of that thread, and needs additional memory. It is
    /// processed on a separate thread, one body at a time, with turns between peers.
    pub async fn work<T: Send + 'static>(
        &self,
        peer: Peer,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        if bytes <= self.budget.limits.small {
            return work();
        }
        Box::pin(self.work_apart(peer, work)).await
    }

    async fn work_apart<T: Send + 'static>(
        &self,
        peer: Peer,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let turn = self.large.turn(peer).await;
        // The work continues if the caller is cancelled, so it must keep its turn.
        let done = spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down.
                Err(_cancelled) => pending().await,
            },
        }
    }

    /// The used part of the budget, in bytes.
    #[must_use]
    pub fn used(&self) -> usize {
        self.budget.used()
    }

    /// The limits of bodies.
    #[must_use]
    pub fn limits(&self) -> &BodyLimits {
        &self.budget.limits
    }

    /// Reads the complete body of a request.
    ///
    /// # Errors
    /// See [`BodyError`]. A body that is too large is read and discarded, so that the peer can read the response.
    pub async fn read(&self, mut body: Body) -> Result<Received, BodyError> {
        let limits = &self.budget.limits;
        let mut read = self.collect(&mut body, limits.largest).await;
        if let Err(BodyError::TooLarge { head, .. }) = &mut read {
            let mut longer = head.to_vec();
            // If the peer disconnects here, the request is still denied.
            while longer.len() < limits.head
                && let Ok(Some(data)) = next(&mut body).await
            {
                longer.extend(data.iter().take(limits.head - longer.len()));
            }
            *head = longer.into();
        }
        if matches!(read, Err(BodyError::Busy | BodyError::TooLarge { .. })) {
            discard(body, limits.discard).await;
        }
        read
    }

    /// Reads the response to one of our requests, such as a page of a list, within the same budget. It may have at most
    /// [`BodyLimits::page`] bytes.
    ///
    /// # Errors
    /// See [`BodyError`]. The rest of a response that is too large is not read.
    pub async fn read_page(&self, mut body: Body) -> Result<Received, BodyError> {
        self.collect(&mut body, self.budget.limits.page).await
    }

    async fn collect(&self, body: &mut Body, limit: usize) -> Result<Received, BodyError> {
        let limits = &self.budget.limits;
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        if length.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge { head: Bytes::new(), limit });
        }
        let mut charge = Charge::none(&self.budget);
        let mut buffer = Buffer::Piece(Bytes::new());
        // For a body with a length, the end is known in advance. A body that arrived in one piece is not copied.
        while !body.is_end_stream()
            && let Some(data) = next(body).await?
        {
            let (before, needed) = (buffer.bytes(), buffer.bytes().len() + data.len());
            if needed > limit {
                let head = before.iter().chain(&data).take(limits.head).copied().collect();
                return Err(BodyError::TooLarge { head, limit });
            }
            let room = if before.is_empty() { needed } else { room(needed, length, limits) };
            if !charge.grow_to(room) {
                return Err(BodyError::Busy);
            }
            let most = length.unwrap_or(limits.largest).min(limits.largest);
            buffer = buffer.with(data, room, limits.small, most).ok_or(BodyError::Busy)?;
        }
        Ok(Received { bytes: buffer.into(), _charge: charge })
    }
}

/// Reads and discards the rest of a body, up to `at_most` bytes: the response may get lost if the connection closes
/// while the peer is still sending. Gives up silently on a longer one; the connection is closed then.
pub async fn discard(mut body: Body, at_most: u64) {
    let mut read = 0;
    while read <= at_most {
        match next(&mut body).await {
            Ok(Some(data)) => read += data.len() as u64,
            Ok(None) | Err(_) => return,
        }
    }
}

/// The response to a request without budget: the API server retries immediately on a new connection, which may lead to
/// another replica.
#[must_use]
pub fn shed() -> Response {
    let headers = [(RETRY_AFTER, "0"), (CONNECTION, "close")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "too busy: try again\n").into_response()
}

/// The next chunk of data; trailers are skipped.
async fn next(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => return Ok(Some(data)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Err(BodyError::Incomplete(root_cause(&error))),
        }
    }
    Ok(None)
}

/// hyper and axum each wrap an error without adding information.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The budget for a body of `needed` bytes so far. A small body gets twice that, to avoid a copy for each chunk, but no
/// more than its length or the limit for small bodies.
fn room(needed: usize, length: Option<usize>, limits: &BodyLimits) -> usize {
    let most = length.unwrap_or(limits.small).min(limits.small);
    needed.saturating_mul(2).min(most).max(needed)
}

/// The received part of a body.
enum Buffer {
    Piece(Bytes),
    Small(Vec<u8>),
    Large(Mapping),
}

/// Anonymous memory of the body's declared or maximum length. Pages are allocated only when written, so the body is
/// never copied to grow, and all of it returns to the system at once, which an allocator would not do.
struct Mapping {
    memory: MmapMut,
    length: usize,
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }
}

impl Mapping {
    /// None if there is no room.
    fn with(mut self, data: &[u8]) -> Option<Self> {
        let end = self.length + data.len();
        self.memory.get_mut(self.length..end)?.copy_from_slice(data);
        self.length = end;
        Some(self)
    }
}

impl Buffer {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Piece(bytes) => bytes,
            Self::Small(bytes) => bytes,
            Self::Large(mapping) => mapping.as_ref(),
        }
    }

    /// Appends data. `most` is the maximum length of a body that is not small. None if the system has no memory.
    fn with(self, data: Bytes, room: usize, small: usize, most: usize) -> Option<Self> {
        let needed = self.bytes().len() + data.len();
        Some(match self {
            Self::Piece(first) if first.is_empty() => Self::Piece(data),
            Self::Large(mapping) => Self::Large(mapping.with(&data)?),
            Self::Piece(_) | Self::Small(_) if needed > small => {
                let memory = MmapMut::map_anon(most.max(needed)).ok()?;
                let mapping = Mapping { memory, length: 0 };
                Self::Large(mapping.with(self.bytes())?.with(&data)?)
            }
            Self::Piece(_) | Self::Small(_) => {
                let mut all = match self {
                    Self::Small(all) => all,
                    other => other.bytes().to_vec(),
                };
                if needed > all.capacity() {
                    all.reserve_exact(room - all.len());
                }
                all.extend_from_slice(&data);
                Self::Small(all)
            }
        })
    }
}

impl From<Buffer> for Bytes {
    fn from(buffer: Buffer) -> Self {
        match buffer {
            Buffer::Piece(bytes) => bytes,
            Buffer::Small(bytes) => bytes.into(),
            Buffer::Large(mapping) => Self::from_owner(mapping),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> BodyLimits {
        BodyLimits { largest: 4000, small: 100, ..BodyLimits::default() }
    }

    #[test]
    fn a_small_body_grows_by_doubling_within_what_is_small() {
        for (needed, length, expected) in [
            (10, Some(1000), 20),
            (60, Some(1000), 100),
            (60, None, 100),
            (10, Some(12), 12),
            (10, Some(5), 10),
            (100, Some(100), 100),
        ] {
            assert_eq!(room(needed, length, &limits()), expected, "{needed} of {length:?}");
        }
    }

    #[test]
    fn a_large_one_costs_what_has_come_of_it() {
        let limits = limits();
        for length in [Some(3000), Some(1 << 40), Some(20), None] {
            let mut body = Buffer::Piece(Bytes::from(vec![b'a'; 90]));
            let mut expected = vec![b'a'; 90];
            for piece in [vec![b'b'; 5], vec![b'c'; 15], vec![b'd'; 1000]] {
                expected.extend_from_slice(&piece);
                let room = room(expected.len(), length, &limits);
                assert!((expected.len()..=100.max(expected.len())).contains(&room), "{room}");
                let most = length.unwrap_or(limits.largest).min(limits.largest);
                // hyper never passes on more than the declared length.
                match body.with(piece.into(), room, limits.small, most) {
                    Some(more) => body = more,
                    None => {
                        assert_eq!(length, Some(20));
                        return;
                    }
                }
                assert_eq!(body.bytes(), expected);
            }
            assert_eq!(Bytes::from(body), expected);
        }
    }
}
