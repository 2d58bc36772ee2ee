//! Reads request bodies under one budget for the whole process.
//!
//! Bytes are counted as they arrive: a stranger's Content-Length reserves nothing. A reserve of the
//! budget is for small bodies, so that ordinary reviews pass while a few huge ones fill the rest. It
//! never waits for budget: what finds none is shed, and the API server tries again elsewhere. Time
//! is bounded by the connection's body deadline, which ends a read with an error.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use thiserror::Error;

use super::budget::{Budget, Charge};
use super::limits::BodyLimits;

/// What reads bodies. Cheap to clone; all clones share one budget.
#[derive(Clone, Debug)]
pub struct Intake {
    budget: Arc<Budget>,
}

/// A complete body. Its part of the budget is free again when this is dropped.
#[derive(Debug)]
pub struct Received {
    /// All of the body.
    pub bytes: Bytes,
    _charge: Charge,
}

/// Why there is no body. What was too much has been read and thrown away, so that the peer can read
/// the answer.
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
        Self { budget: Arc::new(Budget::new(limits)) }
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

    /// Reads a body to its end.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub async fn read(&self, mut body: Body) -> Result<Received, BodyError> {
        let limits = &self.budget.limits;
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > limits.largest as u64) {
            return Err(self.too_large(Bytes::new(), body).await);
        }
        let mut charge = Charge::none(&self.budget);
        let first = next(&mut body).await?.unwrap_or_default();
        if !charge.grow_to(first.len()) {
            drop(first);
            return Err(self.busy(body).await);
        }
        let mut collected = Collected::One(first);
        // `is_end_stream` is known before the end of a body with a length: one that came in one piece
        // is handed on as it is.
        while !body.is_end_stream() {
            let Some(data) = next(&mut body).await? else {
                break;
            };
            let needed = collected.len() + data.len();
            if needed > limits.largest {
                let head = collected.head(&data, limits.head);
                drop((collected, data, charge));
                return Err(self.too_large(head, body).await);
            }
            let capacity = capacity(needed, length, limits);
            if !charge.grow_to(capacity) {
                drop((collected, data, charge));
                return Err(self.busy(body).await);
            }
            collected = collected.with(&data, capacity);
        }
        Ok(Received { bytes: collected.into_bytes(), _charge: charge })
    }

    async fn busy(&self, body: Body) -> BodyError {
        discard(body, self.budget.limits.discard).await;
        BodyError::Busy
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

/// How much memory a body of `needed` bytes so far gets, in bytes: twice that, so that a body is not
/// copied for each piece, but no more than it says it has, and no more than makes it a large one.
fn capacity(needed: usize, length: Option<u64>, limits: &BodyLimits) -> usize {
    let length = length.and_then(|length| usize::try_from(length).ok());
    let mut most = length.unwrap_or(limits.largest).min(limits.largest);
    if needed <= limits.small {
        most = most.min(limits.small);
    }
    needed.saturating_mul(2).min(most).max(needed)
}

/// What has come of a body.
enum Collected {
    One(Bytes),
    Many(Vec<u8>),
}

impl Collected {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    fn with(self, data: &[u8], capacity: usize) -> Self {
        let mut all = match self {
            Self::One(first) => {
                let mut all = Vec::with_capacity(capacity);
                all.extend_from_slice(&first);
                all
            }
            Self::Many(all) => all,
        };
        if all.len() + data.len() > all.capacity() {
            all.reserve_exact(capacity.saturating_sub(all.len()));
        }
        all.extend_from_slice(data);
        Self::Many(all)
    }

    fn head(&self, data: &[u8], most: usize) -> Bytes {
        self.bytes().iter().chain(data).take(most).copied().collect()
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.into(),
        }
    }
}
