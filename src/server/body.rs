//! Reads request bodies under one budget for the whole process.
//!
//! Bytes are counted as they arrive: a stranger's Content-Length reserves nothing. A reserve of the
//! budget is for small bodies, so that ordinary reviews pass while a few huge ones fill the rest. It
//! never waits for budget: what finds none is shed, and the API server tries again elsewhere. Time
//! is bounded by the connection's body deadline, which ends a read with an error.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
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
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > limits.largest as u64) {
            return Err(self.too_large(Bytes::new(), body).await);
        }
        match self.collect(&mut body, limits.largest).await {
            Ok(received) => Ok(received),
            Err(BodyError::Busy) => {
                discard(body, limits.discard).await;
                Err(BodyError::Busy)
            }
            Err(BodyError::TooLarge { head, .. }) => Err(self.too_large(head, body).await),
            Err(error @ BodyError::Incomplete(_)) => Err(error),
        }
    }

    /// Reads the answer to a request of our own, such as a page of a list, under the same budget. It must have at most
    /// [`BodyLimits::page`] bytes.
    ///
    /// # Errors
    /// See [`BodyError`]. What was too much is not read.
    pub async fn read_page(&self, mut body: Body) -> Result<Received, BodyError> {
        let limit = self.budget.limits.page;
        if body.size_hint().exact().is_some_and(|length| length > limit as u64) {
            return Err(BodyError::TooLarge { head: Bytes::new(), limit });
        }
        self.collect(&mut body, limit).await
    }

    async fn collect(&self, body: &mut Body, limit: usize) -> Result<Received, BodyError> {
        let limits = &self.budget.limits;
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let mut charge = Charge::none(&self.budget);
        let first = next(body).await?.unwrap_or_default();
        if first.len() > limit {
            let head = first.slice(..first.len().min(limits.head));
            return Err(BodyError::TooLarge { head, limit });
        }
        if !charge.grow_to(first.len()) {
            return Err(BodyError::Busy);
        }
        let mut collected = Collected::One(first);
        // `is_end_stream` is known before the end of a body with a length: one that came in one piece
        // is handed on as it is.
        while !body.is_end_stream() {
            let Some(data) = next(body).await? else {
                break;
            };
            let needed = collected.len() + data.len();
            if needed > limit {
                let head = collected.head(&data, limits.head);
                return Err(BodyError::TooLarge { head, limit });
            }
            if !charge.grow_to(collected.cost(needed, length, limits)) {
                return Err(BodyError::Busy);
            }
            collected = collected.with(&data, length, limits).ok_or(BodyError::Busy)?;
        }
        Ok(Received { bytes: collected.into_bytes(), _charge: charge })
    }

    /// `head` is what was read before it turned out too large, or nothing.
    async fn too_large(&self, head: Bytes, mut body: Body) -> BodyError {
        let limits = &self.budget.limits;
        let mut head = Vec::from(head);
        while head.len() < limits.head {
            // The peer may give up here: it is denied all the same.
            let Ok(Some(data)) = next(&mut body).await else {
                break;
            };
            head.extend(data.iter().take(limits.head - head.len()));
        }
        discard(body, limits.discard).await;
        BodyError::TooLarge { head: head.into(), limit: limits.largest }
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
pub fn shed() -> Response<Body> {
    let mut response = Response::new(Body::from("too busy: try again\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("0"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
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

/// How much room a small body of `needed` bytes so far gets, in bytes: twice that, so that it is not copied for each
/// piece, but no more than it says it has, and no more than is small.
fn capacity(needed: usize, length: Option<usize>, limits: &BodyLimits) -> usize {
    let most = length.unwrap_or(limits.small).min(limits.small);
    needed.saturating_mul(2).min(most).max(needed)
}

/// What has come of a body.
enum Collected {
    One(Bytes),
    Small(Vec<u8>),
    Large(Large),
}

/// Memory straight from the system, as long as the body says it is or may be. It takes none until it is written to, so
/// nothing is ever copied to make more room, and all of it is given back at once: an allocator would keep it.
struct Large {
    memory: MmapMut,
    length: usize,
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(..self.length).unwrap_or_default()
    }
}

impl Large {
    fn new(room: usize) -> Option<Self> {
        Some(Self { memory: MmapMut::map_anon(room).ok()?, length: 0 })
    }

    /// Whether there was room.
    fn push(&mut self, data: &[u8]) -> bool {
        let end = self.length + data.len();
        let Some(room) = self.memory.get_mut(self.length..end) else { return false };
        room.copy_from_slice(data);
        self.length = end;
        true
    }
}

impl Collected {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Small(bytes) => bytes,
            Self::Large(large) => large.as_ref(),
        }
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    /// What the body costs of the budget once it has `needed` bytes.
    fn cost(&self, needed: usize, length: Option<usize>, limits: &BodyLimits) -> usize {
        match self {
            Self::One(_) | Self::Small(_) if needed <= limits.small => {
                capacity(needed, length, limits)
            }
            Self::One(_) | Self::Small(_) | Self::Large(_) => needed,
        }
    }

    /// With more of it. None where the system has no memory.
    fn with(self, data: &[u8], length: Option<usize>, limits: &BodyLimits) -> Option<Self> {
        let needed = self.len() + data.len();
        if needed <= limits.small {
            let mut all = match self {
                Self::Small(all) => all,
                other => other.bytes().to_vec(),
            };
            if needed > all.capacity() {
                all.reserve_exact(capacity(needed, length, limits) - all.len());
            }
            all.extend_from_slice(data);
            return Some(Self::Small(all));
        }
        let mut large = match self {
            Self::Large(large) => large,
            other => {
                let room = length.unwrap_or(limits.largest).min(limits.largest).max(needed);
                let mut large = Large::new(room)?;
                large.push(other.bytes()).then_some(())?;
                large
            }
        };
        large.push(data).then_some(Self::Large(large))
    }

    fn head(&self, data: &[u8], most: usize) -> Bytes {
        self.bytes().iter().chain(data).take(most).copied().collect()
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(bytes) => bytes,
            Self::Small(bytes) => bytes.into(),
            Self::Large(large) => Bytes::from_owner(large),
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
            assert_eq!(capacity(needed, length, &limits()), expected, "{needed} of {length:?}");
        }
    }

    #[test]
    fn a_large_one_costs_what_has_come_of_it() {
        let limits = limits();
        for length in [Some(3000), Some(1 << 40), Some(20), None] {
            let mut body = Collected::One(Bytes::from(vec![b'a'; 90]));
            let mut expected = vec![b'a'; 90];
            for piece in [vec![b'b'; 5], vec![b'c'; 15], vec![b'd'; 1000]] {
                expected.extend_from_slice(&piece);
                let cost = body.cost(expected.len(), length, &limits);
                assert!((expected.len()..=100.max(expected.len())).contains(&cost), "{cost}");
                // One that is longer than it says cannot come from hyper.
                match body.with(&piece, length, &limits) {
                    Some(more) => body = more,
                    None => {
                        assert_eq!(length, Some(20));
                        return;
                    }
                }
                assert_eq!(body.bytes(), expected);
            }
            assert_eq!(body.into_bytes(), expected);
        }
    }
}
