//! Reads request bodies under one budget for the whole process.
//!
//! Bytes are counted as they arrive: a client's Content-Length reserves nothing. A reserve of the
//! budget is for small bodies, so that ordinary reviews pass while a few huge ones fill the rest. It
//! never waits for budget: what finds none is shed, and the API server tries again elsewhere. Time
//! is bounded by the connection's body deadline, which ends a read with an error.

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

/// What reads bodies. Cheap to clone; all clones share one budget.
#[derive(Clone, Debug)]
pub struct Intake {
    budget: Arc<Budget>,
    large: Arc<FairQueue>,
}

/// A complete body. Its part of the budget is free again when this is dropped.
#[derive(Debug)]
pub struct Received {
    /// All of the body.
    pub bytes: Bytes,
    _charge: Charge,
}

/// Why there is no body.
#[derive(Debug, Error)]
pub enum BodyError {
    /// The budget is used up: answer with [`shed`].
    #[error("too many bytes of request bodies in memory")]
    Busy,
    /// Too large to be judged. An admission request must be *denied*: an error would let it through
    /// where the webhook's failurePolicy is Ignore.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The first bytes of it, to read the uid from.
        head: Bytes,
        /// The largest that would have been taken, in bytes.
        limit: usize,
    },
    /// Cut short, too slow, or wrongly framed.
    #[error("the request body did not come whole: {0}")]
    Incomplete(String),
}

impl Intake {
    /// With an empty budget.
    #[must_use]
    pub fn new(limits: BodyLimits) -> Self {
        Self { budget: Arc::new(Budget::new(limits)), large: Arc::new(FairQueue::new(1)) }
    }

    /// Does work on so many bytes of a body. Work on a small body is done at once, on the caller's thread: it takes
    /// a few milliseconds. Work on a large body would hold up whatever else that thread serves, and it takes memory
    /// beside the body: so it is done on a thread of its own, one body at a time, and the peers take turns.
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
        // The work goes on when nobody waits for it any more, and so must its turn.
        let done = spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime ends.
                Err(_cancelled) => pending().await,
            },
        }
    }

    /// How much of the budget is used now, in bytes.
    #[must_use]
    pub fn used(&self) -> usize {
        self.budget.used()
    }

    /// What it may use.
    #[must_use]
    pub fn limits(&self) -> &BodyLimits {
        &self.budget.limits
    }

    /// Reads a request's body to its end.
    ///
    /// # Errors
    /// See [`BodyError`]. What was too much has been read and thrown away, so that the peer can read the answer.
    pub async fn read(&self, mut body: Body) -> Result<Received, BodyError> {
        let limits = &self.budget.limits;
        let mut read = self.collect(&mut body, limits.largest).await;
        if let Err(BodyError::TooLarge { head, .. }) = &mut read {
            let mut longer = head.to_vec();
            // The peer may give up here: it is denied all the same.
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

    /// Reads the answer to a request of our own, such as a page of a list, under the same budget. It must have at most
    /// [`BodyLimits::page`] bytes.
    ///
    /// # Errors
    /// See [`BodyError`]. What was too much is not read.
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
        // The end of a body with a length is known before it is read: one that came in one piece is handed on as it is.
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

/// Reads what is left of a body and throws it away, up to `at_most` bytes: an answer may get lost
/// when the connection closes on a peer that is still sending. Give up silently where it does not
/// come to an end: the connection is closed then.
pub async fn discard(mut body: Body, at_most: u64) {
    let mut read = 0;
    while read <= at_most {
        match next(&mut body).await {
            Ok(Some(data)) => read += data.len() as u64,
            Ok(None) | Err(_) => return,
        }
    }
}

/// The answer to a request that there is no room for: the API server tries again at once, on a new
/// connection, which may lead to another replica.
#[must_use]
pub fn shed() -> Response {
    let headers = [(RETRY_AFTER, "0"), (CONNECTION, "close")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "too busy: try again\n").into_response()
}

/// The next piece of data; trailers are skipped.
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

/// hyper and axum each wrap an error in a sentence that says nothing.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// How much room a body of `needed` bytes so far costs, in bytes. A small one gets twice that, so that it is not copied
/// for each piece, but no more than it says it has, and no more than is small.
fn room(needed: usize, length: Option<usize>, limits: &BodyLimits) -> usize {
    let most = length.unwrap_or(limits.small).min(limits.small);
    needed.saturating_mul(2).min(most).max(needed)
}

/// What has come of a body.
enum Buffer {
    Piece(Bytes),
    Small(Vec<u8>),
    Large(Mapping),
}

/// Memory straight from the system, as long as the body says it is or may be. It takes none until it is written to, so
/// nothing is ever copied to make more room, and all of it is given back at once: an allocator would keep it.
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
    /// None where there is no room.
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

    /// With more of it. `most` is the length of a body that is not small. None where the system has no memory.
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
                // One that is longer than it says cannot come from hyper.
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
