//! The chart as people install it, by a real helm in a cluster of the test's own; our server runs in the
//! chart's pods with the chart's rights, and is called through the chart's Service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../server/client.rs"]
mod client;
#[path = "../reports/definitions.rs"]
#[allow(dead_code, reason = "the tests of reports use the rest")]
mod definitions;
#[path = "../e2e/objects.rs"]
mod objects;
#[path = "../support/mod.rs"]
mod support;

mod client_auth;
mod config_check;
mod creates;
mod direct;
mod down;
mod dry_run;
mod enforce;
mod evictions;
mod release;
mod replicas;
mod rights;

use serde_json::{Value, json};
use support::nodelet::Replica;

const RESTRICTED: &[(&str, &str)] = &[("pod-security.kubernetes.io/enforce", "restricted")];

/// Values for a server that denies.
fn enforcing() -> Value {
    json!({"mode": "enforce"})
}

/// The sum of a replica's counters whose lines begin with this.
async fn counted(replica: &Replica, start: &str) -> f64 {
    let (code, page) = replica.page("admin", "/metrics").await.expect("metrics");
    assert_eq!(code, 200);
    let lines = page.lines().filter(|line| line.starts_with(start));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}
