//! Unknown fields, wrong content types, other paths.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::{
    bad_input::seeds::{HOOKS, Verdict, server, verdict},
    reviews::objects::{Ask, UID, object},
};

/// The JSON pointers of all objects in a value.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(path.to_owned());
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                objects(value, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                objects(value, &format!("{path}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A newer API server sends fields that this build does not know.
#[test]
fn an_unknown_field_anywhere_changes_no_verdict() {
    let server = server();
    let mut places = 0;
    for name in ["good", "plain", "bad"] {
        let mut pod = object(name);
        pod["metadata"]["labels"] = json!({"app": "web"});
        pod["spec"]["initContainers"] = json!([pod["spec"]["containers"][0]]);
        pod["spec"]["volumes"] = json!([{"name": "tmp", "emptyDir": {}}]);
        let mut ask = Ask::pod(pod.clone());
        ask.operation = "UPDATE".to_owned();
        ask.old_object = object("sandboxed");
        for ask in [Ask::pod(pod), ask] {
            let review: Value = serde_json::from_str(&ask.text()).unwrap();
            let expected =
                HOOKS.map(|hook| verdict(&server.ask(hook, review.to_string()), Some(UID)));
            let mut found = Vec::new();
            objects(&review, "", &mut found);
            for path in &found {
                let mut changed = review.clone();
                let at = changed.pointer_mut(path).unwrap();
                at["quantum"] =
                    json!({"privileged": true, "containers": [{"hostPID": true}], "x": null});
                at["futureMode"] = json!("Unconfined");
                let seen =
                    HOOKS.map(|hook| verdict(&server.ask(hook, changed.to_string()), Some(UID)));
                assert_eq!(seen, expected, "{name} {path}");
                places += 1;
            }
        }
    }
    assert!(places > 100, "{places}");
    // Except in a volume: restricted allows no volume with an unknown source.
    let mut pod = object("good");
    pod["spec"]["volumes"] = json!([{"name": "tmp", "quantum": {}}]);
    let reply = server.ask(HOOKS[0], Ask::pod(pod).text());
    assert_eq!(verdict(&reply, Some(UID)), Verdict::Denied(403));
}

fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(Method::POST).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

/// Whatever the headers say, a violating pod is never allowed, and compressed bodies are not decompressed.
#[test]
fn content_is_json_or_nothing() {
    let server = server();
    let bad = Ask::pod(object("bad")).text();
    // The beginning of a gzip bomb: a header and a stored block.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    packed.extend([0, 16, 255, 239]);
    packed.extend(vec![b'{'; 4096]);
    let json = ("content-type", "application/json");
    for encoding in ["gzip", "br", "deflate", "identity", "x, gzip", "\"\""] {
        let headers = [json, ("content-encoding", encoding)];
        let reply = server.send(post("/validate", &headers, packed.clone()));
        assert_eq!(verdict(&reply, None), Verdict::Bad, "{encoding}");
        let reply = server.send(post("/validate", &headers, bad.clone()));
        assert!(verdict(&reply, None) != Verdict::Allowed, "{encoding}");
    }
    for content_type in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/vnd.kubernetes.protobuf",
        "text/plain, application/json",
        "application/json\t, text/plain",
    ] {
        let reply = server.send(post("/validate", &[("content-type", content_type)], bad.clone()));
        assert!(verdict(&reply, None) != Verdict::Allowed, "{content_type}");
    }
    let twice = [("content-type", "application/json"), ("content-type", "text/plain")];
    let reply = server.send(post("/validate", &twice, bad));
    assert!(verdict(&reply, None) != Verdict::Allowed);
}

/// Untrusted clients can reach this port; health and metrics are on the other one.
#[test]
fn the_webhook_port_has_nothing_but_reviews() {
    let server = server();
    for path in [
        "/",
        "/metrics",
        "/livez",
        "/readyz",
        "/healthz",
        "/debug/pprof/",
        "/debug/pprof/heap",
        "/version",
        "/configz",
        "/api",
        "/validate/pods",
        "/mutate//",
        "/.well-known/x",
        "/validate%00",
        "/validate;x=y",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::CONNECT] {
            let request = Request::builder().method(method.clone()).uri(path);
            let reply = server.send(request.body(Body::empty()).unwrap());
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert!(reply.body.len() < 200);
        }
    }
}
