//! One request to the API server, with retries while the server is busy or unreachable. The request must be idempotent.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::{Client, client::Body, core::Status};
use tokio::time::{Instant, timeout_at};

use super::{
    ApiError,
    error::{bounded, one_line},
};

/// Time limit for one response, including all retries.
const PATIENCE: Duration = Duration::from_secs(180);
/// The first pause before a retry; each following one is twice as long. kube's client already obeys `Retry-After`.
const PAUSE: Duration = Duration::from_millis(500);
const RETRIES: usize = 4;
/// Maximum size of a response that is read.
const MAX_BYTES: usize = 64 << 20;
/// Maximum size of an error response that is read.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// The body of the response to a request without a body. The caller validates names in the path.
pub(crate) async fn get(client: &Client, path: &str) -> Result<String, ApiError> {
    send(client, &get_request(path)?).await
}

/// The same without retries.
pub(super) async fn get_once(
    client: &Client,
    path: &str,
    patience: Duration,
) -> Result<String, ApiError> {
    once(client, &get_request(path)?, Instant::now() + patience).await
}

fn get_request(path: &str) -> Result<Request<Vec<u8>>, ApiError> {
    let request = Request::get(path).body(Vec::new());
    request.map_err(|error| ApiError::Failed(bounded(&error.to_string())))
}

/// The body of the response.
pub(crate) async fn send(client: &Client, request: &Request<Vec<u8>>) -> Result<String, ApiError> {
    let deadline = Instant::now() + PATIENCE;
    let backoff = ExponentialBuilder::new().with_min_delay(PAUSE).with_max_times(RETRIES);
    (|| once(client, request, deadline))
        .retry(backoff)
        .when(|error| matches!(error, ApiError::Unavailable(_)))
        .await
}

async fn once(
    client: &Client,
    request: &Request<Vec<u8>>,
    deadline: Instant,
) -> Result<String, ApiError> {
    let read = async {
        let response = respond(client, request.clone()).await?;
        match Limited::new(response.into_body(), MAX_BYTES).collect().await {
            Ok(body) => String::from_utf8(body.to_bytes().into())
                .map_err(|error| ApiError::unreadable("the answer", &error.utf8_error())),
            Err(error) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge(MAX_BYTES)),
            Err(error) => {
                Err(ApiError::Unavailable(bounded(&format!("the answer broke off: {error}"))))
            }
        }
    };
    timeout_at(deadline, read).await.map_err(|_| ApiError::Timeout)?
}

/// A successful response, whose body is still to be read.
pub(super) async fn respond(
    client: &Client,
    request: Request<Vec<u8>>,
) -> Result<Response<Body>, ApiError> {
    let response = client.send(request.map(Body::from)).await;
    let response = response.map_err(|error| ApiError::Unavailable(one_line(&error)))?;
    if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
}

async fn refusal(response: Response<Body>) -> ApiError {
    let code = response.status();
    let body = Limited::new(response.into_body(), MAX_ERROR_BYTES).collect().await;
    let status = body.ok().and_then(|body| serde_json::from_slice::<Status>(&body.to_bytes()).ok());
    let status = status.unwrap_or_default();
    let message = if status.message.is_empty() {
        format!("code {}", code.as_u16())
    } else {
        bounded(&format!("{} (code {})", status.message, code.as_u16()))
    };
    match code {
        StatusCode::FORBIDDEN => ApiError::Forbidden(message),
        StatusCode::NOT_FOUND => ApiError::NotFound,
        StatusCode::GONE => {
            let token = status.metadata.and_then(|metadata| metadata.continue_);
            ApiError::Expired(token.filter(|token| !token.is_empty()))
        }
        StatusCode::TOO_MANY_REQUESTS => ApiError::Unavailable(message),
        _ if code.is_server_error() => ApiError::Unavailable(message),
        _ => ApiError::Failed(message),
    }
}
