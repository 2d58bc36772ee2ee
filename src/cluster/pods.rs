//! The pods of one namespace, as JSON of list pages. Only the list's metadata is decoded here.
//!
//! Each page is as fresh as the first: a list from the API server's watch cache may miss a pod that was just admitted,
//! and has no pages. One page is in memory at a time, within the budget of request bodies. The size of a page
//! determines the limit of the next, since pods differ in size by a factor of a thousand.

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use kube::{Client, api::ListParams, client::Body, core::Status};
use tokio::time::{Instant, timeout_at};

use crate::{
    dns,
    server::{BodyError, FairQueue, Intake, Peer, Received, Turn},
};

use super::{
    Limits, List, LookupError, Next,
    bucket::Bucket,
    error::{bounded, one_line},
};

/// Pods on the first page. The API server builds a page before its size is known here: with the largest pods, this one
/// takes some tens of megabytes.
const FIRST: u32 = 10;
/// Maximum number of pods per page: the default of client-go's pager.
const MOST: u32 = 500;
/// The target size of a page in bytes, from which the limit of the next page follows.
const WANTED: usize = 2 << 20;
/// The cost of a request, in bytes, in addition to those of its response.
const REQUEST: f64 = 65536.0;
/// Maximum size of an error response that is read, in bytes.
const ERROR_BYTES: usize = 64 << 10;

/// Lists pods, with limits on concurrent lists and on bytes per second.
pub struct PodLists {
    client: Client,
    queue: FairQueue,
    bucket: Bucket,
}

impl PodLists {
    pub(super) fn new(client: Client, limits: Limits) -> Self {
        let (rate, at_once) = (limits.pod_bytes_per_second, limits.pod_bytes_at_once);
        let bucket = Bucket::new(rate, at_once, Instant::now());
        Self { client, queue: FairQueue::new(limits.pod_lists), bucket }
    }

    /// Starts listing the pods of a namespace for this peer. The intake reads the pages within its budget until the
    /// deadline.
    ///
    /// # Errors
    /// Other lists are in progress until the deadline, or the name is invalid.
    pub async fn list<'c>(
        &'c self,
        namespace: &'c str,
        intake: &'c Intake,
        peer: Peer,
        deadline: Instant,
    ) -> Result<PodPages<'c>, LookupError> {
        if !dns::is_label(namespace) {
            return Err(LookupError::NotFound);
        }
        let turn = timeout_at(deadline, self.queue.turn(peer)).await;
        let turn = turn.ok().filter(|_| Instant::now() < deadline);
        let turn = turn.ok_or(LookupError::TooManyLists)?;
        let at = Some(Position { token: None, limit: FIRST });
        Ok(PodPages { lists: self, namespace, intake, deadline, at, _turn: turn })
    }
}

/// The remaining pages of a list.
pub struct PodPages<'c> {
    lists: &'c PodLists,
    namespace: &'c str,
    intake: &'c Intake,
    deadline: Instant,
    /// None after the last.
    at: Option<Position>,
    _turn: Option<Turn>,
}

/// The continue token and the limit of a page.
struct Position {
    token: Option<String>,
    limit: u32,
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
    pub async fn next(&mut self) -> Result<Option<PodPage>, LookupError> {
        let Some(mut at) = self.at.take() else { return Ok(None) };
        loop {
            if Instant::now() >= self.deadline {
                return Err(LookupError::Timeout);
            }
            if !self.lists.bucket.take(REQUEST, Instant::now()) {
                return Err(LookupError::TooManyLists);
            }
            let page = timeout_at(self.deadline, self.page(&at)).await;
            match page.map_err(|_| LookupError::Timeout)? {
                Err(LookupError::TooLittleMemory) if at.limit > 1 => {
                    at.limit = (at.limit / 8).max(1)
                }
                Err(error) => return Err(error),
                Ok(page) => {
                    self.at = Some(at);
                    return Ok(Some(PodPage(page)));
                }
            }
        }
    }

    /// Sets the continuation of the page that was returned last.
    pub fn follow(&mut self, following: Following) {
        let bytes = following.bytes;
        let wanted = WANTED.min(self.intake.limits().page / 2);
        self.at = self.at.take().zip(following.next.token()).map(|(at, token)| Position {
            token: Some(token),
            limit: limit_after(at.limit, bytes, wanted),
        });
    }

    async fn page(&self, at: &Position) -> Result<Received, LookupError> {
        let response = self.lists.client.send(self.request(at)?).await;
        let response = response.map_err(|error| LookupError::Api(one_line(&error)))?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let body = axum::body::Body::new(response.into_body());
        let page = self.intake.read_page(body).await;
        let spent = match &page {
            Ok(page) => page.bytes.len(),
            Err(_) => self.intake.limits().page,
        };
        #[allow(clippy::cast_precision_loss, reason = "pages have some megabytes")]
        self.lists.bucket.spend(spent as f64, Instant::now());
        page.map_err(|error| match error {
            BodyError::Busy | BodyError::TooLarge { .. } => LookupError::TooLittleMemory,
            BodyError::Incomplete(why) => LookupError::Api(bounded(&why)),
        })
    }

    fn request(&self, at: &Position) -> Result<Request<Body>, LookupError> {
        let params = ListParams {
            limit: Some(at.limit),
            continue_token: at.token.clone(),
            ..ListParams::default()
        };
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let request = kube::core::Request::new(path).list(&params);
        let request = request.map_err(|error| LookupError::Api(bounded(&error.to_string())))?;
        Ok(request.map(Body::from))
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
    pub fn read(
        self,
        judge: impl FnOnce(&[&str], Option<usize>),
    ) -> Result<Following, LookupError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            LookupError::Api(bounded(&format!("a list of pods cannot be read: {error}")))
        };
        let text = std::str::from_utf8(&self.0.bytes).map_err(|error| unreadable(&error))?;
        let list: List<'_> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let following = Following { next: list.metadata.clone(), bytes: text.len() };
        let pods: Vec<_> = list.into_items().collect();
        judge(&pods, following.unlisted());
        Ok(following)
    }
}

impl Following {
    /// Number of pods on the following pages, if the API server reports it.
    pub fn unlisted(&self) -> Option<usize> {
        if self.next.clone().token().is_none() {
            return Some(0);
        }
        self.next.remaining_item_count.and_then(|count| usize::try_from(count).ok())
    }
}

/// The limit of the next page, given the bytes of the last one.
fn limit_after(limit: u32, bytes: usize, wanted: usize) -> u32 {
    if bytes > wanted {
        let times = u32::try_from(bytes / wanted + 1).unwrap_or(u32::MAX);
        (limit / times).max(1)
    } else if bytes < wanted / 4 {
        limit.saturating_mul(4).min(MOST)
    } else if bytes < wanted / 2 {
        limit.saturating_mul(2).min(MOST)
    } else {
        limit
    }
}

async fn refusal(response: Response<Body>) -> LookupError {
    let code = response.status();
    let body = Limited::new(response.into_body(), ERROR_BYTES).collect().await;
    let status = body.ok().and_then(|body| serde_json::from_slice::<Status>(&body.to_bytes()).ok());
    let message = status.map_or_else(String::new, |status| status.message);
    LookupError::Api(bounded(&format!("{message} (code {})", code.as_u16())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_as_long_as_their_pods_allow() {
        let after = |limit: u32, pod: usize| limit_after(limit, limit as usize * pod, WANTED);
        assert_eq!(after(FIRST, 8 << 10), 40, "ordinary pods");
        assert_eq!(after(40, 8 << 10), 160);
        assert_eq!(after(160, 8 << 10), 160);
        assert_eq!(after(FIRST, 1 << 10), 40, "small ones");
        assert_eq!(after(200, 1 << 10), MOST);
        assert_eq!(after(FIRST, 128 << 10), FIRST, "large ones");
        assert_eq!(after(40, 128 << 10), 13);
        assert_eq!(after(FIRST, 3 << 20), 1);
        assert_eq!(after(1, 3 << 20), 1);
        assert_eq!(after(1, 10 << 10), 4, "and small ones again");
    }
}
