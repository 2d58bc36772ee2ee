//! Requests that are not reviews, and their metrics.

use admission::Hook;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use policy::config::Config;
use serde_json::Value;

use crate::{
    reviews::objects::{Ask, UID, object},
    reviews::{
        ask::{Reply, Server},
        counted::{counted, series},
    },
};

fn server() -> Server {
    Server::new(Config::standalone())
}

fn send(server: &Server, method: Method, path: &str, content_type: Option<&str>) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    server.send(request.body(Body::from(Ask::pod(object("good")).text())).unwrap())
}

#[test]
fn a_review_is_posted_to_one_of_two_paths() {
    let server = server();
    let json = Some("application/json");
    let status = |method, path| send(&server, method, path, json).status;
    assert_eq!(status(Method::POST, "/validate"), StatusCode::OK);
    assert_eq!(status(Method::POST, "/mutate?timeout=10s"), StatusCode::OK);
    for path in [
        "/",
        "/validate/",
        "/Validate",
        "/metrics",
        "//validate",
        "/validate/../mutate",
        "/%6dutate",
    ] {
        assert_eq!(status(Method::POST, path), StatusCode::NOT_FOUND, "{path}");
    }
    for method in
        [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE]
    {
        assert_eq!(status(method.clone(), "/validate"), StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[test]
fn a_review_is_json() {
    let server = server();
    let status = |content_type| send(&server, Method::POST, "/validate", content_type).status;
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"]
    {
        assert_eq!(status(Some(content_type)), StatusCode::OK, "{content_type}");
    }
    for content_type in
        ["", "text/plain", "application/yaml", "application/json-patch+json", "json"]
    {
        assert_eq!(status(Some(content_type)), StatusCode::BAD_REQUEST, "{content_type}");
    }
    assert_eq!(status(None), StatusCode::BAD_REQUEST);
}

#[test]
fn a_timeout_may_be_anything() {
    let server = server();
    for query in [
        "",
        "timeout=",
        "timeout=s",
        "timeout=-1s",
        "timeout=99999999999999999999s",
        "timeout=1m",
        "a&&=&timeout=1s",
    ] {
        let reply =
            send(&server, Method::POST, &format!("/validate?{query}"), Some("application/json"));
        assert_eq!(reply.response()["allowed"], true, "{query}");
    }
}

#[test]
fn the_first_series_are_there_at_zero() {
    // Upstream has all of these except errors.
    let expected = [
        "errors false create controller -",
        "errors false create pod -",
        "errors false update controller -",
        "errors false update pod -",
        "errors true create controller -",
        "errors true create pod -",
        "errors true update controller -",
        "errors true update pod -",
        "evaluations allow privileged latest enforce create pod -",
        "evaluations allow privileged latest enforce update pod -",
        "exemptions create controller -",
        "exemptions create pod -",
        "exemptions update controller -",
        "exemptions update pod -",
    ];
    assert_eq!(series(&server().metrics), expected.map(|name| (name.to_owned(), 0)));
}

#[test]
fn requests_are_counted_once_under_upstreams_names() {
    let server = server();
    for name in ["good", "bad", "plain", "unreadable", "bad"] {
        server.ask(Hook::Validate, Ask::pod(object(name)).text());
        server.ask(Hook::Mutate, Ask::pod(object(name)).text());
    }
    server.ask(Hook::Validate, "no review");
    server.ask(Hook::Validate, Ask::pod(object("good")).text()[..200].to_owned());
    let expected = [
        "errors true create pod -",
        "evaluations allow restricted latest enforce create pod -",
        "evaluations deny restricted latest audit create pod - x3",
        "evaluations deny restricted latest enforce create pod - x3",
    ];
    assert_eq!(counted(&server.metrics), expected);
    assert_eq!(server.metrics.malformed.get(), 2);
}

/// The sample in the README and in `serve --standalone`.
#[test]
fn the_sample_reviews_are_denied_and_hardened() {
    let server = server();
    let denied = server
        .ask(Hook::Validate, include_str!("../../../src/cli/serve/samples/denied.json"))
        .response();
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["status"]["code"], 403);
    let hardened = server
        .ask(Hook::Mutate, include_str!("../../../src/cli/serve/samples/hardened.json"))
        .response();
    assert_eq!(hardened["allowed"], true);
    assert!(hardened["patch"].is_string());
}

#[test]
fn the_uid_is_given_back_as_it_came() {
    let server = server();
    for uid in [UID, "x", "ü☃😀", "\"\\\n\0", "a/b~c", &"long".repeat(10_000)] {
        let text = Ask::pod(object("bad")).text();
        let mut review: Value = serde_json::from_str(&text).unwrap();
        review["request"]["uid"] = uid.into();
        for hook in [Hook::Validate, Hook::Mutate] {
            assert_eq!(server.ask(hook, review.to_string()).response()["uid"], uid);
        }
    }
}
