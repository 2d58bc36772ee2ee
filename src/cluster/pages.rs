//! Lists of the API server, page by page: how a list continues, how long its next page is, and what a page contains.
//! Objects are not decoded here.

use std::borrow::Borrow;

use http::Request;
use kube::{Client, api::ListParams};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use super::{ApiError, error::bounded, request::send};

/// Objects per page: the default of client-go's pager.
pub(crate) const PAGE: u32 = 500;
/// The target size of a page in bytes.
const PAGE_BYTES: usize = 4 << 20;

#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// `/apis/apps/v1/deployments`.
    pub(crate) path: String,
    pub(crate) selector: Option<String>,
    pub(crate) detail: Detail,
    pub(crate) page: u32,
}

impl Query {
    /// All objects.
    pub(crate) fn new(path: impl Into<String>, detail: Detail) -> Self {
        Self { path: path.into(), selector: None, detail, page: PAGE }
    }
}

/// How much of each object is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Whole,
    Metadata,
}

/// An inconsistency between two pages of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discontinuity {
    /// The following objects are from a later state.
    Later,
    /// The list restarted, and objects repeat.
    Anew,
}

/// A page: its objects as JSON, and the metadata that leads to the next page.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<R = Box<RawValue>> {
    #[serde(default)]
    pub(crate) metadata: Next,
    items: Option<Vec<R>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Next {
    #[serde(rename = "continue")]
    token: Option<String>,
    remaining_item_count: Option<u64>,
}

impl Next {
    /// Number of objects to come, if the API server reports it.
    pub(crate) fn remaining(&self) -> Option<u64> {
        // On the last page, the API server may send an empty token.
        let is_last = self.token.as_ref().is_none_or(String::is_empty);
        if is_last { Some(0) } else { self.remaining_item_count }
    }
}

impl<'t, R: Borrow<RawValue> + Deserialize<'t>> Page<R> {
    pub(crate) fn parse(text: &'t str) -> Result<Self, ApiError> {
        serde_json::from_str(text).map_err(|error| ApiError::unreadable("the list", &error))
    }

    /// The JSON of each object.
    pub(crate) fn items(&self) -> impl ExactSizeIterator<Item = &str> {
        self.items.as_deref().unwrap_or_default().iter().map(|item| item.borrow().get())
    }
}

/// The position in a list, and the length of its next page.
pub(super) struct Cursor {
    query: Query,
    token: Option<String>,
    /// None: everything in one response.
    limit: Option<u32>,
    has_restarted: bool,
    /// How this page continues the page before if that is inconsistent.
    discontinuity: Option<Discontinuity>,
}

impl Cursor {
    /// The first page has at most `first` objects.
    pub(super) fn new(query: Query, first: u32) -> Self {
        Self { query, token: None, limit: Some(first), has_restarted: false, discontinuity: None }
    }

    /// Changes the next request after a page could not be fetched: asks for less if the page is too large, and for the
    /// rest of the list, or for all of it again, if the list has expired.
    ///
    /// # Errors
    /// The error, if no other request can help.
    pub(super) fn adapt(&mut self, error: ApiError) -> Result<(), ApiError> {
        match (error, self.limit) {
            (ApiError::Expired(token), _) if self.discontinuity.is_none() => {
                self.discontinuity =
                    Some(if token.is_some() { Discontinuity::Later } else { self.restart() });
                self.token = token;
            }
            (ApiError::TooLarge(_) | ApiError::TooLittleMemory, Some(limit)) if limit > 1 => {
                self.limit = Some((limit / 8).max(1));
            }
            (error, _) => return Err(error),
        }
        Ok(())
    }

    /// Moves to the page after one of this many bytes, of `wanted` if that had been possible. False after the last.
    pub(super) fn follow(&mut self, next: Next, bytes: usize, wanted: usize) -> bool {
        self.discontinuity = None;
        self.token = next.token.filter(|token| !token.is_empty());
        self.limit = self.limit.map(|limit| limit_after(limit, bytes, wanted).min(self.query.page));
        self.token.is_some()
    }

    /// If it expires a second time, requests everything in one response, as client-go does: page by page the list might
    /// never finish.
    fn restart(&mut self) -> Discontinuity {
        if self.has_restarted {
            self.limit = None;
        }
        self.has_restarted = true;
        Discontinuity::Anew
    }

    pub(super) fn request(&self) -> Result<Request<Vec<u8>>, ApiError> {
        let params = ListParams {
            label_selector: self.query.selector.clone(),
            limit: self.limit,
            continue_token: self.token.clone(),
            ..ListParams::default()
        };
        let request = kube::core::Request::new(self.query.path.clone());
        let request = match self.query.detail {
            Detail::Whole => request.list(&params),
            Detail::Metadata => request.list_metadata(&params),
        };
        request.map_err(|error| ApiError::Failed(bounded(&error.to_string())))
    }
}

/// The limit of the next page, given the bytes of the last one: objects differ in size by a factor of a thousand.
fn limit_after(limit: u32, bytes: usize, wanted: usize) -> u32 {
    if bytes > wanted {
        let times = u32::try_from(bytes / wanted + 1).unwrap_or(u32::MAX);
        (limit / times).max(1)
    } else if bytes < wanted / 4 {
        limit.saturating_mul(4)
    } else if bytes < wanted / 2 {
        limit.saturating_mul(2)
    } else {
        limit
    }
}

/// The remaining pages of a list. Fetches one page ahead, and no more, and retries while the API server is unavailable.
pub(crate) struct Pages {
    client: Client,
    fetching: JoinSet<Fetched>,
}

/// A page and how it continues the page before if that is inconsistent.
type Fetched = Result<(Page, Option<Discontinuity>, Option<Cursor>), ApiError>;

impl Pages {
    /// Starts fetching the first page. Must be called on a runtime.
    pub(crate) fn new(client: &Client, query: Query) -> Self {
        let mut pages = Self { client: client.clone(), fetching: JoinSet::new() };
        let first = query.page;
        pages.fetch(Cursor::new(query, first));
        pages
    }

    /// The next page, and how it continues the page before if that is inconsistent. None after the last.
    pub(crate) async fn next(&mut self) -> Option<Result<(Page, Option<Discontinuity>), ApiError>> {
        let fetched = self.fetching.join_next().await?;
        let fetched = fetched.unwrap_or_else(|error| Err(ApiError::Failed(error.to_string())));
        Some(fetched.map(|(page, discontinuity, next)| {
            if let Some(cursor) = next {
                self.fetch(cursor);
            }
            (page, discontinuity)
        }))
    }

    fn fetch(&mut self, mut cursor: Cursor) {
        let client = self.client.clone();
        self.fetching.spawn(async move {
            let text = loop {
                match send(&client, &cursor.request()?).await {
                    Ok(text) => break text,
                    Err(error) => cursor.adapt(error)?,
                }
            };
            let (page, discontinuity) = (Page::parse(&text)?, cursor.discontinuity);
            let has_next = cursor.follow(page.metadata.clone(), text.len(), PAGE_BYTES);
            Ok((page, discontinuity, has_next.then_some(cursor)))
        });
    }
}

/// Passes the JSON of each object of a list to `take`. Objects may repeat.
///
/// # Errors
/// The list could not be read, or `take` could not decode an object.
pub(crate) async fn for_each(
    client: &Client,
    query: Query,
    mut take: impl FnMut(&str) -> Result<(), serde_json::Error>,
) -> Result<(), ApiError> {
    let mut pages = Pages::new(client, query);
    while let Some(page) = pages.next().await {
        for json in page?.0.items() {
            take(json).map_err(|error| ApiError::unreadable("an object in the list", &error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Query {
        let all = Query::new("/apis/apps/v1/deployments", Detail::Metadata);
        Query { selector: Some("app in (a,b)".to_owned()), ..all }
    }

    #[test]
    fn pages_become_as_long_as_their_objects_allow() {
        let after = |limit: u32, bytes: usize, wanted: usize| {
            let mut cursor = Cursor::new(query(), limit);
            cursor.follow(Next::default(), bytes, wanted);
            cursor.limit.unwrap()
        };
        for (limit, bytes, expected) in [
            (500, PAGE_BYTES, 500),
            (500, 4 * PAGE_BYTES, 100),
            (100, PAGE_BYTES / 2, 100),
            (100, 1 << 10, 400),
            (400, 0, 500),
            (500, 0, 500),
            (500, usize::MAX, 1),
        ] {
            assert_eq!(after(limit, bytes, PAGE_BYTES), expected, "{bytes} bytes");
        }
        for (limit, object, expected, what) in [
            (10, 8 << 10, 40, "ordinary pods"),
            (40, 8 << 10, 160, "ordinary pods"),
            (160, 8 << 10, 160, "ordinary pods"),
            (10, 1 << 10, 40, "small pods"),
            (200, 1 << 10, 500, "small pods"),
            (10, 128 << 10, 10, "large pods"),
            (40, 128 << 10, 13, "large pods"),
            (10, 3 << 20, 1, "the largest pods"),
            (1, 3 << 20, 1, "the largest pods"),
            (1, 10 << 10, 4, "small pods after large ones"),
        ] {
            let bytes = limit as usize * object;
            assert_eq!(after(limit, bytes, 2 << 20), expected, "{limit} {what}");
        }
    }

    #[test]
    fn a_request_names_what_it_wants() {
        let mut cursor = Cursor::new(query(), 500);
        cursor.token = Some("x&y".to_owned());
        let request = cursor.request().unwrap();
        assert_eq!(
            request.uri(),
            "/apis/apps/v1/deployments?&labelSelector=app+in+%28a%2Cb%29&limit=500&continue=x%26y"
        );
        let accept = request.headers()[http::header::ACCEPT].to_str().unwrap();
        assert!(accept.contains("as=PartialObjectMetadataList"), "{accept}");
    }

    #[test]
    fn objects_are_cut_out_as_they_are() {
        let text = r#"{"kind":"PodList","metadata":{"continue":"x","remainingItemCount":7},
            "items":[ {"a":"é\"}"} , {"b":[{}]}]}"#;
        let page: Page = Page::parse(text).unwrap();
        assert_eq!(page.items().collect::<Vec<_>>(), [r#"{"a":"é\"}"}"#, r#"{"b":[{}]}"#]);
        assert_eq!(page.metadata.remaining(), Some(7));
        assert!(Cursor::new(query(), 1).follow(page.metadata, text.len(), PAGE_BYTES));
    }

    #[test]
    fn the_last_page_leads_nowhere() {
        for text in [r#"{"metadata":{"continue":""},"items":null}"#, r#"{"items":[]}"#, "{}"] {
            let page: Page = Page::parse(text).unwrap();
            assert_eq!((page.items().len(), page.metadata.remaining()), (0, Some(0)), "{text}");
            assert!(!Cursor::new(query(), 1).follow(page.metadata, 0, PAGE_BYTES), "{text}");
        }
        assert!(<Page>::parse("<html>").is_err());
    }
}
