//! Fault tests in a short form. `just faults` runs the long form, whose figures are in `docs/reliability.md`: each test
//! prints its row.

// clippy.toml's exceptions for tests apply to all of it.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod away;
mod crowd;
mod hostile;
mod idle;
mod load;
mod memory;
mod namespaces;
mod one_cpu;
mod outage;
mod real_pods;
mod replicas;
mod silence;
mod soak;

use std::time::Duration;

use support::portcullis::Portcullis;
use support::skip::say;

const RESTRICTED: &[(&str, &str)] = &[("pod-security.kubernetes.io/enforce", "restricted")];

/// The value for `cargo test`, or for `just faults`, which sets PORTCULLIS_FAULTS=full.
fn scale<T>(short: T, full: T) -> T {
    let is_full = std::env::var("PORTCULLIS_FAULTS").is_ok_and(|value| value == "full");
    if is_full { full } else { short }
}

/// A row of the table in `docs/reliability.md`.
fn report(what: &str, seen: &str) {
    say(&format!("| {what} | {seen} |"));
}

/// The median, the 99th percentile and the largest of some times, in milliseconds.
fn quantiles(times: &mut [Duration]) -> (f64, f64, f64) {
    times.sort_unstable();
    let at = |share: usize| {
        let index = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    };
    (at(50), at(99), at(100))
}

/// The resident memory in MB and the open descriptors of the server, from its metrics.
async fn footprint(server: &Portcullis) -> (f64, f64) {
    let (_, page) = server.page("/metrics").await.unwrap();
    let metric = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<f64>().unwrap()
    };
    (metric("process_resident_memory_bytes ") / 1e6, metric("process_open_fds "))
}
