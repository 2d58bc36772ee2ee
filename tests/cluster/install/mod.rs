//! The chart, installed by a real helm in the test's own cluster; our server runs in the chart's pods with the chart's
//! permissions, and is called through the chart's Service.

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

use crate::support::nodelet::Replica;
use serde_json::{Value, json};

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
