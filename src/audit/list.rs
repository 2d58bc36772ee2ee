//! A paginated list of objects. Fetches one page ahead, and no more.

use std::num::NonZeroU32;

use http::Request;
use kube::{Client, api::ListParams};
use tokio::task::JoinSet;

use crate::cluster::bounded;

use super::{
    ask::{Refusal, ask},
    page::Page,
};

/// A larger page makes the following ones shorter, because objects differ in size by a factor of a thousand.
const PAGE_BYTES: usize = 4 << 20;

/// The parameters of a list.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// `/apis/apps/v1/deployments`.
    pub(crate) path: String,
    /// A label selector.
    pub(crate) selector: Option<String>,
    /// How much of each object is requested.
    pub(crate) form: Form,
    /// Maximum number of objects per page.
    pub(crate) page: NonZeroU32,
}

/// How much of each object is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The whole object.
    Whole,
    Metadata,
}

/// An inconsistency between two pages of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seam {
    /// The following objects are from a later state.
    Later,
    /// The list restarted, and objects repeat.
    Anew,
}

/// A page, and how it continues the page before if that is inconsistent.
pub(crate) type Answer = Result<(Page, Option<Seam>), Refusal>;

/// The remaining pages.
pub(crate) struct List {
    client: Client,
    fetching: JoinSet<(Cursor, Answer)>,
}

impl List {
    /// Starts fetching the first page. Must be called on a runtime.
    pub(crate) fn new(client: &Client, query: Query) -> Self {
        let mut list = Self { client: client.clone(), fetching: JoinSet::new() };
        let cursor = Cursor { limit: Some(query.page), query, token: None, is_anew: false };
        list.fetch(cursor);
        list
    }

    /// The next page. None after the last.
    pub(crate) async fn next(&mut self) -> Option<Answer> {
        let (mut cursor, answer) = match self.fetching.join_next().await? {
            Ok(fetched) => fetched,
            Err(error) => return Some(Err(Refusal::Failed(bounded(&error.to_string())))),
        };
        if let Ok((page, _)) = &answer {
            cursor.token.clone_from(&page.token);
            cursor.limit = cursor.limit.map(|limit| cursor.limit_after(limit, page.len()));
            if cursor.token.is_some() {
                self.fetch(cursor);
            }
        }
        Some(answer)
    }

    fn fetch(&mut self, mut cursor: Cursor) {
        let client = self.client.clone();
        self.fetching.spawn(async move {
            let answer = cursor.page(&client).await;
            (cursor, answer)
        });
    }
}

/// The position and the size of the next page.
struct Cursor {
    query: Query,
    token: Option<String>,
    /// None: everything in one response.
    limit: Option<NonZeroU32>,
    /// Whether the list has already restarted.
    is_anew: bool,
}

impl Cursor {
    async fn page(&mut self, client: &Client) -> Answer {
        let mut seam = None;
        loop {
            let request = self.request().map_err(|error| Refusal::Failed(bounded(&error)))?;
            match ask(client, &request).await {
                Ok(text) => {
                    let page = Page::read(text).map_err(|error| {
                        Refusal::Failed(bounded(&format!("the list cannot be read: {error}")))
                    })?;
                    return Ok((page, seam));
                }
                Err(Refusal::Expired(token)) if seam.is_none() => {
                    seam = Some(if token.is_some() { Seam::Later } else { self.begin_anew() });
                    self.token = token;
                }
                Err(Refusal::TooLarge) if self.limit.is_some_and(|limit| limit.get() > 1) => {
                    self.limit = self.limit.map(|limit| shorter(limit, 8));
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Restarts the list. If it expires a second time, requests everything in one response, as client-go does: page by
    /// page it might never finish.
    fn begin_anew(&mut self) -> Seam {
        if self.is_anew {
            self.limit = None;
        }
        self.is_anew = true;
        Seam::Anew
    }

    fn request(&self) -> Result<Request<Vec<u8>>, String> {
        let params = ListParams {
            label_selector: self.query.selector.clone(),
            limit: self.limit.map(NonZeroU32::get),
            continue_token: self.token.clone(),
            ..ListParams::default()
        };
        let request = kube::core::Request::new(self.query.path.clone());
        let request = match self.query.form {
            Form::Whole => request.list(&params),
            Form::Metadata => request.list_metadata(&params),
        };
        request.map_err(|error| error.to_string())
    }

    /// The size limit of the next page, given the bytes of the last one.
    fn limit_after(&self, limit: NonZeroU32, bytes: usize) -> NonZeroU32 {
        if bytes > PAGE_BYTES {
            let times = u32::try_from(bytes / PAGE_BYTES + 1).unwrap_or(u32::MAX);
            shorter(limit, times)
        } else if bytes < PAGE_BYTES / 4 {
            limit.saturating_mul(NonZeroU32::MIN.saturating_add(1)).min(self.query.page)
        } else {
            limit
        }
    }
}

fn shorter(limit: NonZeroU32, times: u32) -> NonZeroU32 {
    NonZeroU32::new(limit.get().checked_div(times).unwrap_or_default()).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_as_long_as_their_objects_allow() {
        let page = NonZeroU32::new(500).unwrap();
        let query =
            Query { path: "/api/v1/pods".to_owned(), selector: None, form: Form::Whole, page };
        let cursor = Cursor { query, token: None, limit: Some(page), is_anew: false };
        let mut limit = page;
        let mut after = |bytes: usize| {
            limit = cursor.limit_after(limit, bytes);
            limit.get()
        };
        assert_eq!(after(PAGE_BYTES), 500);
        assert_eq!(after(4 * PAGE_BYTES), 100);
        assert_eq!(after(PAGE_BYTES / 2), 100);
        assert_eq!(after(1 << 10), 200);
        assert_eq!((after(0), after(0), after(0)), (400, 500, 500));
        assert_eq!(after(usize::MAX), 1);
    }

    #[test]
    fn a_request_names_what_it_wants() {
        let page = NonZeroU32::new(500).unwrap();
        let query = Query {
            path: "/apis/apps/v1/deployments".to_owned(),
            selector: Some("app in (a,b)".to_owned()),
            form: Form::Metadata,
            page,
        };
        let token = Some("x&y".to_owned());
        let cursor = Cursor { query, token, limit: Some(page), is_anew: false };
        let request = cursor.request().unwrap();
        assert_eq!(
            request.uri(),
            "/apis/apps/v1/deployments?&labelSelector=app+in+%28a%2Cb%29&limit=500&continue=x%26y"
        );
        let accept = request.headers()[http::header::ACCEPT].to_str().unwrap();
        assert!(accept.contains("as=PartialObjectMetadataList"), "{accept}");
    }
}
