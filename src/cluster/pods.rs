//! The pods of one namespace, as the JSON of list pages. They are not decoded here beyond what leads to the
//! next page.

use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::{Client, api::ListParams, client::Body, core::Status};
use serde::Deserialize;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{Limits, LookupError, error::bounded};

/// Pods of one page: what client-go's pager asks for.
const PAGE: u32 = 500;
/// An error's body beyond this is not read.
const ERROR_BYTES: usize = 64 << 10;

/// The pods of a namespace, as far as they were listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// Each the JSON text of a v1 PodList.
    pub pages: Vec<String>,
    /// Whether these are all.
    pub complete: bool,
    /// How many pods are missing, if the API server said so.
    pub remaining: Option<u64>,
}

/// Lists pods, for so many at a time.
pub(super) struct Lists {
    client: Client,
    turns: Semaphore,
    bytes: usize,
}

impl Lists {
    pub(super) fn new(client: Client, limits: Limits) -> Self {
        Self { client, turns: Semaphore::new(limits.pod_lists), bytes: limits.pod_bytes }
    }

    /// Lists the pods of a namespace, the name of which must be a DNS-1123 label. Each page is as fresh as
    /// the first: a list from the API server's cache may miss a pod that was just admitted, and has no pages.
    pub(super) async fn list(
        &self,
        namespace: &str,
        deadline: Instant,
    ) -> Result<Pods, LookupError> {
        let late = |_| LookupError::Timeout;
        let turn = timeout_at(deadline, self.turns.acquire()).await.map_err(late)?;
        let mut pods = Pods::default();
        let mut bytes = self.bytes;
        let mut token = None;
        loop {
            let page = self.page(namespace, token.take(), bytes);
            let page = timeout_at(deadline, page).await.map_err(late).flatten();
            match page {
                Ok(Some((text, next))) => {
                    bytes = bytes.saturating_sub(text.len());
                    pods.pages.push(text);
                    pods.remaining = next.remaining_item_count;
                    token = next.token();
                    pods.complete = token.is_none();
                }
                // Too large, or late: better some than none.
                Ok(None) => break,
                Err(_) if !pods.pages.is_empty() => break,
                Err(error) => return Err(error),
            }
            if pods.complete {
                pods.remaining = None;
                break;
            }
        }
        drop(turn);
        Ok(pods)
    }

    /// One page and what leads to the next; none if it is larger than that.
    async fn page(
        &self,
        namespace: &str,
        token: Option<String>,
        bytes: usize,
    ) -> Result<Option<(String, Next)>, LookupError> {
        let response = self.client.send(request(namespace, token)?).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let body = match Limited::new(response.into_body(), bytes).collect().await {
            Ok(body) => Vec::from(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => return Ok(None),
            Err(error) => return Err(LookupError::Api(bounded(&error.to_string()))),
        };
        let unreadable = |error: &dyn std::fmt::Display| {
            LookupError::Api(bounded(&format!("a list of pods cannot be read: {error}")))
        };
        let text = String::from_utf8(body).map_err(|error| unreadable(&error))?;
        let page: Page = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
        Ok(Some((text, page.metadata)))
    }
}

fn request(namespace: &str, token: Option<String>) -> Result<Request<Body>, LookupError> {
    let params = ListParams { limit: Some(PAGE), continue_token: token, ..ListParams::default() };
    let pods = kube::core::Request::new(format!("/api/v1/namespaces/{namespace}/pods"));
    let request = pods.list(&params);
    let request = request.map_err(|error| LookupError::Api(bounded(&error.to_string())))?;
    Ok(request.map(Body::from))
}

async fn refusal(response: Response<Body>) -> LookupError {
    let code = response.status();
    let body = Limited::new(response.into_body(), ERROR_BYTES).collect().await;
    let status = body.ok().and_then(|body| serde_json::from_slice::<Status>(&body.to_bytes()).ok());
    let message = status.map_or_else(String::new, |status| status.message);
    LookupError::Api(bounded(&format!("{message} (code {})", code.as_u16())))
}

/// A PodList without its pods.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: Next,
}

/// The metadata of a list: what leads to its next page.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Next {
    #[serde(rename = "continue")]
    token: Option<String>,
    /// How many objects follow, where the API server says so.
    pub(crate) remaining_item_count: Option<u64>,
}

impl Next {
    /// None on the last page, where the API server may write an empty one.
    pub(crate) fn token(self) -> Option<String> {
        self.token.filter(|token| !token.is_empty())
    }
}
