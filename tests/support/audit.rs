//! The API server's audit log: one event per line, written when a request is complete.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::wait::{PATIENCE, until};

/// Logs all writes with their objects, and all requests of the accounts of an installation without them.
pub(crate) const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: [system:apiserver]
- level: Metadata
  userGroups: [system:serviceaccounts:portcullis]
- level: None
  verbs: [get, list, watch]
- level: None
  resources: [{group: "", resources: [events]}, {group: coordination.k8s.io, resources: [leases]}]
- level: RequestResponse
"#;

/// Waits for the first matching event.
pub(crate) async fn event(log: &Path, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    until(what, PATIENCE, async || events(log).into_iter().find(|event| fits(event))).await
}

/// All events so far.
pub(crate) fn events(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
