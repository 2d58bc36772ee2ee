//! Randomly changed reviews. `PORTCULLIS_CASES=100000` tries more of them; equal numbers give equal bodies.

use std::ops::Range;

use admission::Hook;
use serde_json::Value;

use crate::{
    bad_input::{
        Random,
        seeds::{HOOKS, Verdict, seeds, server, uid, verdict},
    },
    reviews::ask::{Reply, Server},
    reviews::objects::{Ask, object},
};

const BODIES: u64 = 2000;

/// Tokens of JSON and reviews, and some that are hard to read.
const TOKENS: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e999",
    "1.5",
    "9223372036854775808",
    "\\",
    "\\u0000",
    "\\ud800",
    "\"object\":",
    "\"uid\":\"x\"",
    "\"request\":",
    "\"operation\":\"DELETE\"",
    "\"resource\":{\"group\":\"\",\"resource\":\"pods\"}",
    "\"subResource\":\"status\"",
    "\"spec\":{}",
    "\"containers\":[]",
    "\"securityContext\":null",
    "\"privileged\":true",
    "\"hostNetwork\":true",
    "\u{feff}",
    "\0",
    "\u{2028}",
    "\u{1f600}",
    "[[[[[[[[",
];

#[test]
fn every_mutated_review_gets_a_valid_response() {
    let bodies = std::env::var("PORTCULLIS_CASES").ok().and_then(|text| text.parse().ok());
    let seeds = starts();
    let server = server();
    let mut seen = [0; 3];
    for number in 0..bodies.unwrap_or(BODIES) {
        let body = changed(&seeds, &mut Random::new(number));
        for hook in HOOKS {
            let kind = match hold(&server, hook, &body, number) {
                Verdict::Bad => 0,
                Verdict::Denied(_) => 1,
                Verdict::Allowed => 2,
            };
            seen[kind] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "it is always answered the same: {seen:?}");
}

/// Includes small reviews, in which a larger share of the bytes has a meaning.
fn starts() -> Vec<Vec<u8>> {
    let small = ["good", "plain", "bad", "unreadable"].map(|name| Ask::pod(object(name)).text());
    seeds().into_iter().map(|(_, text)| text).chain(small).map(String::into_bytes).collect()
}

fn hold(server: &Server, hook: Hook, body: &[u8], number: u64) -> Verdict {
    let reply = server.ask(hook, body.to_vec());
    let verdict = verdict(&reply, uid(body).as_deref());
    if verdict == Verdict::Allowed {
        let text = std::str::from_utf8(body).unwrap();
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        assert!(is_json, "{number}: allowed, and no JSON: {text}");
        // A plain reader of JSON also allows it, and applies the same changes.
        if let Ok(plain) = serde_json::from_str::<Value>(text) {
            let again = server.ask(hook, plain.to_string());
            let (response, again) = (reply.response(), again.response());
            assert_eq!(again["allowed"], true, "{number}: {text}");
            // The error may be gone: a plain reader drops the first of two equal fields.
            let is_read = response["auditAnnotations"]["error"].is_null();
            assert!(!is_read || again["patch"] == response["patch"], "{number}: {text}");
            assert_applies(&reply, plain, number);
        }
    }
    verdict
}

/// The patch applies to its object. Only untrusted clients send null in a list of containers.
fn assert_applies(reply: &Reply, mut review: Value, number: u64) {
    use base64::Engine as _;
    let Some(patch) = reply.response()["patch"].as_str().map(str::to_owned) else { return };
    let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
    let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
    let pod = &mut review["request"]["object"];
    let has_null = ["initContainers", "containers", "ephemeralContainers"].iter().any(|list| {
        pod["spec"][list].as_array().is_some_and(|list| list.iter().any(Value::is_null))
    });
    let applied = json_patch::patch(pod, &patch);
    assert!(applied.is_ok() || has_null, "{number}: {applied:?} {pod}");
}

fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut body = random.pick(seeds).clone();
    for _ in 0..=random.below(3) {
        let at = range(&body, random, 1);
        match random.below(8) {
            0 => body[at.start] ^= 1 << random.below(8),
            1 => drop(body.drain(range(&body, random, 40))),
            2 => body.truncate(at.start.max(1)),
            3 => {
                let other = random.pick(seeds);
                let piece = other[range(other, random, 400)].to_vec();
                body.splice(at.start..at.start, piece);
            }
            4 => {
                let piece = body[range(&body, random, 200)].to_vec();
                body.splice(at.start..at.start, piece);
            }
            5 => {
                let token = random.pick(&TOKENS).bytes();
                body.splice(at.start..at.start, token);
            }
            _ => swap_token(&mut body, random),
        }
    }
    body
}

/// Replaces a value by another value or token, so that the text mostly stays JSON.
fn swap_token(body: &mut Vec<u8>, random: &mut Random) {
    let values = values(body);
    if values.len() < 2 {
        return;
    }
    let (from, to) = (random.pick(&values).clone(), random.pick(&values).clone());
    let new = if random.one_in(2) {
        random.pick(&TOKENS).as_bytes().to_vec()
    } else {
        body[from].to_vec()
    };
    body.splice(to, new);
}

/// The ranges of strings, words and numbers. Keys are strings too.
fn values(body: &[u8]) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let start = at;
        match body[at] {
            b'"' => {
                at += 1;
                while at < body.len() && body[at] != b'"' {
                    at += if body[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(body.len());
                values.push(start..at);
            }
            b'a'..=b'z' | b'0'..=b'9' | b'-' => {
                while at < body.len() && (body[at].is_ascii_alphanumeric() || body[at] == b'-') {
                    at += 1;
                }
                values.push(start..at);
            }
            _ => at += 1,
        }
    }
    values
}

/// A range of 1 to `most` bytes.
fn range(body: &[u8], random: &mut Random, most: usize) -> Range<usize> {
    let start = random.below(body.len().max(1));
    start..(start + 1 + random.below(most)).min(body.len())
}
