//! Reviews to start from: those of `tests/reviews`, and recorded ones of a real API server if they are available.

use std::{fs, path::Path};

use admission::Hook;
use policy::config::Config;
use serde_json::Value;

use crate::reviews::ask::{Reply, Server};

pub(crate) const HOOKS: [Hook; 2] = [Hook::Validate, Hook::Mutate];

/// File names and texts.
pub(crate) fn seeds() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = reviews(&root.join("tests/reviews"));
    assert!(own.len() > 5, "the seeds are missing");
    let shared = root.join("../shared/admission-reviews");
    let shared = if shared.exists() { reviews(&shared) } else { Vec::new() };
    own.into_iter().chain(shared).collect()
}

fn reviews(folder: &Path) -> Vec<(String, String)> {
    let mut reviews: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect();
    reviews.sort();
    reviews
}

/// Enforces restricted everywhere, and hardens.
pub(crate) fn server() -> Server {
    Server::new(Config::standalone())
}

/// The response to a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// HTTP 400, with a line that says why.
    Bad,
    /// A review that denies, by its uid, and the code.
    Denied(u64),
    /// A review that allows.
    Allowed,
}

/// Checks what holds for every response: a line of text with HTTP 400, or a review with the uid.
pub(crate) fn verdict(reply: &Reply, uid: Option<&str>) -> Verdict {
    if reply.status == 400 {
        let why = std::str::from_utf8(&reply.body).unwrap();
        assert!(why.len() > 1 && why.len() < 2000, "{why}");
        return Verdict::Bad;
    }
    let response = reply.response();
    let answered = response["uid"].as_str().unwrap();
    assert!(!answered.is_empty());
    if let Some(uid) = uid {
        assert_eq!(answered, uid);
    }
    if response["allowed"].as_bool().unwrap() {
        assert!(response["status"].is_null());
        return Verdict::Allowed;
    }
    assert!(response["patch"].is_null());
    assert!(!response["status"]["message"].as_str().unwrap().is_empty());
    Verdict::Denied(response["status"]["code"].as_u64().unwrap())
}

/// The uid that any reader of JSON finds in a text.
pub(crate) fn uid(text: &[u8]) -> Option<String> {
    let review: Value = serde_json::from_slice(text).ok()?;
    review["request"]["uid"].as_str().map(str::to_owned)
}
