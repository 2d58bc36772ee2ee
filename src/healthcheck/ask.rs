//! Sends a test review, and checks that the API server would accept the response.
//!
//! The decision depends on the configuration, so both a denial and an approval are fine. A response that says that the
//! server could not decide is not.

use std::{collections::BTreeMap, io, pin::pin, time::SystemTime};

use base64::Engine as _;
use bytes::Bytes;
use http::{
    Request, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use admission::Hook;

use crate::cluster::bounded;

use super::{Failure, Plan, dial, target::Endpoint};

/// Larger than any response of the server, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Sends a review, and describes the response.
pub(super) async fn review(
    plan: &Plan,
    endpoint: &Endpoint,
    stream: TlsStream<TcpStream>,
) -> Result<(String, ()), Failure> {
    let uid = uid();
    let review = match endpoint.hook {
        Hook::Validate => test_review(&uid, &plan.namespace, &json!({"privileged": true})),
        Hook::Mutate => test_review(&uid, &plan.namespace, &json!({})),
    };
    let sent = timeout(plan.timeout, send(plan, endpoint, stream, review.to_string())).await;
    let sent = sent.unwrap_or_else(|_| Err(io::Error::other(dial::late(plan.timeout))));
    let (status, body) = sent.map_err(|error| {
        let look = dial::look_at(&plan.server_name(), &error);
        Failure::new(bounded(&error.to_string()), look)
    })?;
    judge(endpoint.hook, &uid, status, &body).map(|what| (what, ()))
}

async fn send(
    plan: &Plan,
    endpoint: &Endpoint,
    stream: TlsStream<TcpStream>,
    review: String,
) -> io::Result<(StatusCode, Bytes)> {
    let request = Request::post(format!("{}?timeout=10s", endpoint.path))
        .header(HOST, format!("{}:{}", plan.server_name(), endpoint.port))
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, */*")
        .body(Full::new(Bytes::from(review)))
        .map_err(io::Error::other)?;
    exchange(stream, request).await
}

/// The response to one request. It is valid however the connection ends: a draining server closes it right after.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> io::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(cause)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(cause)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(io::Error::other)?;
        Ok((head.status, body.to_bytes()))
    };
    let mut exchange = pin!(exchange);
    // The connection does the I/O of the exchange. When it ends, the exchange may still have data to read.
    let end = tokio::select! {
        biased;
        answer = &mut exchange => return answer,
        end = connection => end,
    };
    let unanswered = |error: io::Error| match end {
        Err(end) => cause(end),
        Ok(()) => {
            io::Error::other(format!("the connection ended before a response arrived: {error}"))
        }
    };
    exchange.await.map_err(unanswered)
}

/// The TLS error inside hyper's error, if any: an alert may arrive only after the handshake.
fn cause(error: hyper::Error) -> io::Error {
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    match source.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref()) {
        Some(tls) => io::Error::other(rustls::Error::clone(tls)),
        None => io::Error::other(error),
    }
}

/// A unique uid.
fn uid() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("healthcheck-{}-{}", std::process::id(), now.as_nanos())
}

/// A dry-run review of a pod, from a user without permissions.
fn test_review(uid: &str, namespace: &str, security_context: &Value) -> Value {
    let pods = |key: &str, value: &str| json!({"group": "", "version": "v1", key: value});
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": uid,
            "kind": pods("kind", "Pod"),
            "resource": pods("resource", "pods"),
            "requestKind": pods("kind", "Pod"),
            "requestResource": pods("resource", "pods"),
            "name": "portcullis-healthcheck",
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {"username": "portcullis-healthcheck"},
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "portcullis-healthcheck", "namespace": namespace},
                "spec": {"containers": [{
                    "name": "none",
                    "image": "none.invalid/none",
                    "securityContext": security_context,
                }]},
            },
            "oldObject": null,
            "dryRun": true,
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: String,
    kind: String,
    response: Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    uid: String,
    allowed: bool,
    #[serde(default)]
    status: Status,
    patch: Option<String>,
    patch_type: Option<String>,
    #[serde(default)]
    audit_annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
    message: String,
}

/// Checks that the API server would accept the response, and that the server could decide.
fn judge(hook: Hook, uid: &str, status: StatusCode, body: &[u8]) -> Result<String, Failure> {
    let log = "the server's log";
    if status != StatusCode::OK {
        let text = bounded(String::from_utf8_lossy(body).trim());
        return Err(Failure::new(format!("HTTP status {status}: {text}"), log));
    }
    let bad =
        |what: String| Failure::new(what, "what listens there, and whether it is this server");
    let review: Review = serde_json::from_slice(body)
        .map_err(|error| bad(bounded(&format!("not an AdmissionReview: {error}"))))?;
    if review.api_version != "admission.k8s.io/v1" || review.kind != "AdmissionReview" {
        let (version, kind) = (&review.api_version, &review.kind);
        return Err(bad(bounded(&format!(
            "{version} {kind} is not an admission.k8s.io/v1 AdmissionReview"
        ))));
    }
    let answer = review.response;
    if answer.uid != uid {
        return Err(bad("it answers another request: its uid differs".to_owned()));
    }
    let patch = patch(&answer).map_err(bad)?;
    match (hook, answer.allowed) {
        (_, false) => denied(&answer.status),
        (Hook::Validate, true) if patch.is_some() => {
            Err(bad("a patch, which /validate must not return".to_owned()))
        }
        (Hook::Validate, true) => allowed(&answer),
        (Hook::Mutate, true) => Ok(match patch {
            Some(operations) => format!("hardens a pod with {operations} patch operations"),
            None => {
                "does not change a pod (hardening reports only, is off, or the namespace is exempt)"
                    .to_owned()
            }
        }),
    }
}

/// The number of operations in the patch, if there is one.
fn patch(answer: &Answer) -> Result<Option<usize>, String> {
    let (patch, kind) = match (&answer.patch, &answer.patch_type) {
        (None, None) => return Ok(None),
        (Some(patch), Some(kind)) => (patch, kind),
        _ => return Err("patch and patchType must be set together".to_owned()),
    };
    if kind != "JSONPatch" {
        return Err(bounded(&format!("patchType {kind:?} is not JSONPatch")));
    }
    let patch = base64::engine::general_purpose::STANDARD.decode(patch);
    let patch = patch.map_err(|error| format!("the patch is not base64: {error}"))?;
    let patch: json_patch::Patch = serde_json::from_slice(&patch)
        .map_err(|error| bounded(&format!("the patch is not a JSON Patch: {error}")))?;
    Ok(Some(patch.len()))
}

fn denied(status: &Status) -> Result<String, Failure> {
    let Status { code, reason, message } = status;
    let first = bounded(message.lines().next().unwrap_or_default());
    if *code == 403 && !reason.is_empty() {
        return Ok(format!("denies a privileged pod: {first}"));
    }
    Err(Failure::new(
        format!("denied with {code} {}: {first}", bounded(reason)),
        "the server's log, and whether its account may get, list and watch namespaces",
    ))
}

/// Describes an approval. In dry run, an error is also an approval.
fn allowed(answer: &Answer) -> Result<String, Failure> {
    let annotation = |key: &str| answer.audit_annotations.get(key).map(|text| bounded(text));
    match annotation("error") {
        Some(error) if error.starts_with("failed to ") => Err(Failure::new(
            format!("dry run, but it could not decide: {error}"),
            "the server's log, and whether its account may get, list and watch namespaces",
        )),
        _ => {
            let why = ["dry-run", "exempt", "enforce-policy"]
                .into_iter()
                .find_map(|key| Some(format!("{key}: {}", annotation(key)?)));
            Ok(format!(
                "allows a privileged pod ({})",
                why.unwrap_or_else(|| "no reason given".to_owned())
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    /// Reads from a server that writes this response in two parts, cut at `cut`, and ends the connection.
    async fn read(answer: &str, cut: usize) -> io::Result<(StatusCode, Bytes)> {
        let (client, mut server) = duplex(1 << 16);
        let (first, second) = answer.split_at(cut);
        let serve = async {
            let mut request = Vec::new();
            while !request.ends_with(b"review") {
                server.read_buf(&mut request).await.unwrap();
            }
            server.write_all(first.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
            server.write_all(second.as_bytes()).await.unwrap();
            drop(server);
        };
        let request = Request::post("/validate").header(HOST, "server");
        let request = request.body(Full::new(Bytes::from("review"))).unwrap();
        tokio::join!(exchange(client, request), serve).0
    }

    #[tokio::test]
    async fn a_response_is_valid_however_the_connection_ends() {
        for head in [
            "Connection: close\r\nContent-Length: 6\r\n",
            "Content-Length: 6\r\n",
            "Connection: close\r\n",
        ] {
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\nanswer");
            for cut in 0..=answer.len() {
                let (status, body) = read(&answer, cut).await.unwrap();
                assert_eq!((status, &body[..]), (StatusCode::OK, &b"answer"[..]), "{head} {cut}");
            }
        }
    }

    #[tokio::test]
    async fn an_incomplete_response_is_an_error() {
        let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nanswer";
        for end in 0..answer.len() {
            assert!(read(&answer[..end], 0).await.is_err(), "{end}");
        }
    }

    fn of(hook: Hook, response: &Value) -> Result<String, String> {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response,
        });
        judge(hook, "u", StatusCode::OK, review.to_string().as_bytes()).map_err(|bad| bad.what)
    }

    #[test]
    fn every_decision_is_healthy() {
        let patch = base64::engine::general_purpose::STANDARD
            .encode(r#"[{"op":"add","path":"/spec/securityContext","value":{}}]"#);
        for (hook, response, expected) in [
            (
                Hook::Validate,
                json!({"uid": "u", "allowed": false, "status": {"code": 403, "reason": "Forbidden", "message": "no\nmore"}}),
                "denies a privileged pod: no",
            ),
            (
                Hook::Validate,
                json!({"uid": "u", "allowed": true, "auditAnnotations": {"dry-run": "would deny: no"}}),
                "allows a privileged pod (dry-run: would deny: no)",
            ),
            (
                Hook::Validate,
                json!({"uid": "u", "allowed": true, "auditAnnotations": {"exempt": "namespace"}}),
                "allows a privileged pod (exempt: namespace)",
            ),
            (
                Hook::Mutate,
                json!({"uid": "u", "allowed": true, "patchType": "JSONPatch", "patch": patch}),
                "hardens a pod with 1 patch operations",
            ),
            (
                Hook::Mutate,
                json!({"uid": "u", "allowed": true}),
                "does not change a pod (hardening reports only, is off, or the namespace is exempt)",
            ),
        ] {
            assert_eq!(of(hook, &response).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn responses_that_the_api_server_would_reject_are_unhealthy() {
        for (hook, response, expected) in [
            (Hook::Validate, json!({"uid": "v", "allowed": true}), "it answers another request"),
            (
                Hook::Validate,
                json!({"uid": "u"}),
                "not an AdmissionReview: missing field `allowed`",
            ),
            (
                Hook::Validate,
                json!({"uid": "u", "allowed": true, "patchType": "JSONPatch", "patch": "W10="}),
                "a patch, which /validate must not return",
            ),
            (
                Hook::Mutate,
                json!({"uid": "u", "allowed": true, "patch": "W10="}),
                "patch and patchType must be set together",
            ),
            (
                Hook::Mutate,
                json!({"uid": "u", "allowed": true, "patchType": "JSONPatch", "patch": "{}"}),
                "the patch is not base64",
            ),
            (
                Hook::Mutate,
                json!({"uid": "u", "allowed": true, "patchType": "MergePatch", "patch": "W10="}),
                "patchType \"MergePatch\" is not JSONPatch",
            ),
        ] {
            let what = of(hook, &response).unwrap_err();
            assert!(what.starts_with(expected), "{what}");
        }
        let other = br#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","response":{"uid":"u","allowed":true}}"#;
        assert!(judge(Hook::Validate, "u", StatusCode::OK, other).is_err());
        assert!(judge(Hook::Validate, "u", StatusCode::SERVICE_UNAVAILABLE, b"busy\n").is_err());
        assert!(judge(Hook::Validate, "u", StatusCode::OK, b"<html>").is_err());
    }

    #[test]
    fn a_server_that_could_not_decide_is_unhealthy() {
        for response in [
            json!({"uid": "u", "allowed": false, "status": {"code": 500, "reason": "InternalError", "message": "no"}}),
            json!({"uid": "u", "allowed": false}),
            json!({"uid": "u", "allowed": true, "auditAnnotations": {
                "error": "failed to look up namespace \"a\": 403", "dry-run": "would deny: failed",
            }}),
        ] {
            let failure = of(Hook::Validate, &response).unwrap_err();
            assert!(failure.contains("denied with") || failure.contains("could not decide"));
        }
    }
}
