//! One request to the API server, with retries while the server is busy or unreachable. The request must be idempotent.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::{Client, client::Body, core::Status};
use tokio::time::{Instant, sleep, timeout_at};

use crate::cluster::{bounded, one_line};

/// Time limit for one response, including all retries.
const PATIENCE: Duration = Duration::from_secs(180);
/// The first pause before a retry; each following one is twice as long. kube's client already obeys `Retry-After`.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 500 });
const TRIES: u32 = 5;
/// Maximum size of a response that is read.
const MAX_BYTES: usize = 64 << 20;
/// Maximum size of an error response that is read.
const MAX_REFUSAL: usize = 64 << 10;

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The account lacks the permission.
    Forbidden(String),
    /// The object or the resource does not exist.
    Absent,
    /// The list's resource version has expired. Contains the token that continues from the current state, if any.
    Expired(Option<String>),
    /// The response exceeds the size limit.
    TooLarge,
    /// Any other error. One line.
    Failed(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forbidden(why) | Self::Failed(why) => f.write_str(why),
            Self::Absent => f.write_str("not found"),
            Self::Expired(_) => f.write_str("the API server has forgotten where the list was"),
            Self::TooLarge => write!(f, "the answer has more than {MAX_BYTES} bytes"),
        }
    }
}

/// The body of the response.
pub(crate) async fn ask(client: &Client, request: &Request<Vec<u8>>) -> Result<String, Refusal> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match once(client, request, deadline).await {
            Err(Trouble::Passing(_)) if Instant::now() + pause < deadline => {
                sleep(pause).await;
                pause *= 2;
            }
            Ok(text) => return Ok(text),
            Err(trouble) => return Err(trouble.refusal()),
        }
    }
    once(client, request, deadline).await.map_err(Trouble::refusal)
}

/// The server's version, requested without retries: a server that does not answer the first request will not answer the
/// others.
pub(super) async fn version(client: &Client) -> Result<String, Refusal> {
    let request = Request::get("/version").body(Vec::new());
    let request = request.map_err(|error| Refusal::Failed(bounded(&error.to_string())))?;
    once(client, &request, Instant::now() + PATIENCE).await.map_err(Trouble::refusal)
}

/// Whether a retry may help.
enum Trouble {
    Passing(String),
    Lasting(Refusal),
}

impl Trouble {
    fn refusal(self) -> Refusal {
        match self {
            Self::Passing(why) => Refusal::Failed(why),
            Self::Lasting(refusal) => refusal,
        }
    }
}

async fn once(
    client: &Client,
    request: &Request<Vec<u8>>,
    deadline: Instant,
) -> Result<String, Trouble> {
    let late = |_| {
        let why = format!("the API server did not answer within {} seconds", PATIENCE.as_secs());
        Trouble::Lasting(Refusal::Failed(why))
    };
    let response = timeout_at(deadline, client.send(request.clone().map(Body::from))).await;
    let response = response.map_err(late)?.map_err(|error| Trouble::Passing(one_line(&error)))?;
    if !response.status().is_success() {
        return Err(timeout_at(deadline, refusal(response)).await.map_err(late)?);
    }
    let body = Limited::new(response.into_body(), MAX_BYTES).collect();
    match timeout_at(deadline, body).await.map_err(late)? {
        Ok(body) => String::from_utf8(body.to_bytes().into()).map_err(|error| {
            let why = format!("the answer is not UTF-8: {}", error.utf8_error());
            Trouble::Lasting(Refusal::Failed(bounded(&why)))
        }),
        Err(error) if error.is::<LengthLimitError>() => Err(Trouble::Lasting(Refusal::TooLarge)),
        Err(error) => Err(Trouble::Passing(bounded(&format!("the answer broke off: {error}")))),
    }
}

async fn refusal(response: Response<Body>) -> Trouble {
    let code = response.status();
    let body = Limited::new(response.into_body(), MAX_REFUSAL).collect().await;
    let status = body.ok().and_then(|body| serde_json::from_slice::<Status>(&body.to_bytes()).ok());
    let status = status.unwrap_or_default();
    let message = if status.message.is_empty() {
        format!("code {}", code.as_u16())
    } else {
        bounded(&format!("{} (code {})", status.message, code.as_u16()))
    };
    match code {
        StatusCode::FORBIDDEN => Trouble::Lasting(Refusal::Forbidden(message)),
        StatusCode::NOT_FOUND => Trouble::Lasting(Refusal::Absent),
        StatusCode::GONE => {
            let token = status.metadata.and_then(|metadata| metadata.continue_);
            Trouble::Lasting(Refusal::Expired(token.filter(|token| !token.is_empty())))
        }
        StatusCode::TOO_MANY_REQUESTS => Trouble::Passing(message),
        _ if code.is_server_error() => Trouble::Passing(message),
        _ => Trouble::Lasting(Refusal::Failed(message)),
    }
}
