//! The pods of one namespace, as JSON of list pages. Only the list's metadata is decoded here.
//!
//! Each page is as fresh as the first: a list from the API server's watch cache may miss a pod that was just admitted,
//! and has no pages. One page is in memory at a time, within the budget of request bodies. No request is retried,
//! because the time is short.

use http::Request;
use kube::Client;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use policy::dns;

use crate::server::{BodyError, FairQueue, Intake, Peer, Received, Turn};

use super::{
    ApiError, RequestLimits,
    error::bounded,
    pages::{Cursor, Detail, Next, Page, Query},
    request::respond,
    token_bucket::TokenBucket,
};

/// Pods on the first page. The API server builds a page before its size is known here: with the largest pods, this one
/// takes some tens of megabytes.
const FIRST: u32 = 10;
/// The target size of a page in bytes.
const WANTED: usize = 2 << 20;
/// The cost of a request, in bytes, in addition to those of its response.
const REQUEST: f64 = 65536.0;

/// Lists pods, with limits on concurrent lists and on bytes per second.
pub struct PodLists {
    client: Client,
    queue: FairQueue,
    bucket: TokenBucket,
}

impl PodLists {
    pub(super) fn new(client: Client, limits: RequestLimits) -> Self {
        let (rate, at_once) = (limits.pod_bytes_per_second, limits.pod_bytes_at_once);
        let bucket = TokenBucket::new(rate, at_once, Instant::now());
        Self { client, queue: FairQueue::new(limits.pod_lists), bucket }
    }

    /// Starts listing the pods of a namespace for this peer. The intake reads the pages within its budget until the
    /// deadline.
    ///
    /// # Errors
    /// Other lists are in progress until the deadline, or the name is invalid.
    pub async fn list<'c>(
        &'c self,
        namespace: &str,
        intake: &'c Intake,
        peer: Peer,
        deadline: Instant,
    ) -> Result<PodPages<'c>, ApiError> {
        if !dns::is_label(namespace) {
            return Err(ApiError::NotFound);
        }
        let turn = timeout_at(deadline, self.queue.turn(peer)).await;
        let turn = turn.ok().filter(|_| Instant::now() < deadline);
        let turn = turn.ok_or(ApiError::TooManyLists)?;
        let query = Query::new(format!("/api/v1/namespaces/{namespace}/pods"), Detail::Whole);
        let next = Some(Cursor::new(query, FIRST));
        Ok(PodPages { lists: self, intake, deadline, current: None, next, _turn: turn })
    }
}

/// The remaining pages of a list.
pub struct PodPages<'c> {
    lists: &'c PodLists,
    intake: &'c Intake,
    deadline: Instant,
    /// The page that was returned last.
    current: Option<Cursor>,
    next: Option<Cursor>,
    _turn: Option<Turn>,
}

/// A received page.
#[derive(Debug)]
pub struct PodPage(Received);

/// The continuation of a page.
#[derive(Debug)]
pub struct Following {
    next: Next,
    bytes: usize,
}

impl PodPages<'_> {
    /// The next page. None after the last, or if [`follow`](Self::follow) was not called for the last one.
    ///
    /// # Errors
    /// The page could not be read in time, or within the limits.
    pub async fn next(&mut self) -> Result<Option<PodPage>, ApiError> {
        let Some(mut cursor) = self.next.take() else { return Ok(None) };
        let page = loop {
            match self.send(cursor.request()?).await {
                Ok(page) => break page,
                // A list that restarts would count pods twice.
                Err(error @ ApiError::Expired(None)) => return Err(error),
                Err(error) => cursor.adapt(error)?,
            }
        };
        self.current = Some(cursor);
        Ok(Some(PodPage(page)))
    }

    /// Sets the continuation of the page that was returned last.
    pub fn follow(&mut self, following: Following) {
        let wanted = WANTED.min(self.intake.limits().page / 2);
        self.next = self.current.take().and_then(|mut cursor| {
            cursor.follow(following.next, following.bytes, wanted).then_some(cursor)
        });
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Received, ApiError> {
        if Instant::now() >= self.deadline {
            return Err(ApiError::Timeout);
        }
        if !self.lists.bucket.take(REQUEST, Instant::now()) {
            return Err(ApiError::TooManyLists);
        }
        timeout_at(self.deadline, self.read(request)).await.map_err(|_| ApiError::Timeout)?
    }

    async fn read(&self, request: Request<Vec<u8>>) -> Result<Received, ApiError> {
        let response = respond(&self.lists.client, request).await?;
        let page = self.intake.read_page(axum::body::Body::new(response.into_body())).await;
        let spent = match &page {
            Ok(page) => page.bytes.len(),
            Err(_) => self.intake.limits().page,
        };
        #[allow(clippy::cast_precision_loss, reason = "pages have some megabytes")]
        self.lists.bucket.spend(spent as f64, Instant::now());
        page.map_err(|error| match error {
            BodyError::Busy | BodyError::TooLarge { .. } => ApiError::TooLittleMemory,
            BodyError::Incomplete(why) => ApiError::Unavailable(bounded(&why)),
        })
    }
}

impl PodPage {
    /// Its size, in bytes.
    pub fn size(&self) -> usize {
        self.0.bytes.len()
    }

    /// Passes the JSON of each pod to `judge`, with the number of pods to come, if known.
    ///
    /// # Errors
    /// The page is not a list.
    pub fn read(self, judge: impl FnOnce(&[&str], Option<usize>)) -> Result<Following, ApiError> {
        let text = std::str::from_utf8(&self.0.bytes);
        let text = text.map_err(|error| ApiError::unreadable("the list", &error))?;
        let page = Page::<&RawValue>::parse(text)?;
        let following = Following { next: page.metadata.clone(), bytes: text.len() };
        judge(&page.items().collect::<Vec<_>>(), following.unlisted());
        Ok(following)
    }
}

impl Following {
    /// Number of pods on the following pages, if the API server reports it.
    pub fn unlisted(&self) -> Option<usize> {
        self.next.remaining().and_then(|count| usize::try_from(count).ok())
    }
}
