//! The API server's version, which caps `latest`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;
use tokio::time::sleep;

use policy::pss::{Minor, NEWEST};

use super::{ApiError, RetryLog, error::bounded, request::get_once};

/// Polling interval, after which an upgraded cluster is noticed.
const AGAIN: Duration = Duration::from_secs(300);
/// Retry interval after a failure.
const RETRY: Duration = Duration::from_secs(10);
/// Longer than the time limit for a connection, whose error names the address.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Latest(AtomicU64);

impl Default for Latest {
    fn default() -> Self {
        Self(AtomicU64::new(NEWEST.0))
    }
}

impl Latest {
    pub(super) fn newest(&self) -> Minor {
        Minor(self.0.load(Ordering::Relaxed))
    }

    /// Polls the version. Never returns.
    pub(super) async fn follow(&self, client: Client) {
        let mut retrying = RetryLog::new("cannot read the cluster's version");
        loop {
            match read(&client).await {
                Ok(minor) => {
                    retrying.succeeded();
                    self.0.store(minor.min(NEWEST).0, Ordering::Relaxed);
                    sleep(AGAIN).await;
                }
                Err(error) => {
                    retrying.failed(&error.to_string());
                    sleep(RETRY).await;
                }
            }
        }
    }
}

/// The API server's minor version, requested without retries: a server that does not answer the first request will not
/// answer the others.
pub(crate) async fn read(client: &Client) -> Result<Minor, ApiError> {
    let json = get_once(client, "/version", PATIENCE).await?;
    minor_version(&json).map_err(ApiError::Unreadable)
}

fn minor_version(json: &str) -> Result<Minor, String> {
    let info: Info = serde_json::from_str(json).map_err(|error| bounded(&error.to_string()))?;
    judged_by(&info)
}

/// The version by which the built-in admission judges: the emulated one if the API server runs with
/// `--emulated-version` (KEP-4330), else its own.
fn judged_by(info: &Info) -> Result<Minor, String> {
    let emulated = info.emulation_major.as_deref().zip(info.emulation_minor.as_deref());
    let emulated = emulated.filter(|(major, minor)| !major.is_empty() && !minor.is_empty());
    let (major, minor) = emulated.unwrap_or((&info.major, &info.minor));
    parse(major, minor).ok_or_else(|| bounded(&format!("{major:?}.{minor:?} is no version")))
}

/// Some distributions add a suffix to the number: `36+`.
fn parse(major: &str, minor: &str) -> Option<Minor> {
    let digits = minor.split(|c: char| !c.is_ascii_digit()).next()?;
    (major == "1").then(|| digits.parse().ok().map(Minor))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_are_read_with_what_distributions_add() {
        assert_eq!(parse("1", "36"), Some(Minor(36)));
        assert_eq!(parse("1", "36+"), Some(Minor(36)));
        assert_eq!(parse("1", "9-gke.1"), Some(Minor(9)));
        for (a, b) in [("2", "0"), ("1", ""), ("1", "+"), ("1", "a1"), ("", "36")] {
            assert_eq!(parse(a, b), None, "{a}.{b}");
        }
    }

    #[test]
    fn the_emulated_version_is_the_one_that_pods_are_judged_by() {
        let own = r#""major":"1","minor":"36""#;
        let cases = [
            (format!("{{{own}}}"), Ok(Minor(36))),
            (format!(r#"{{{own},"emulationMajor":"1","emulationMinor":"33"}}"#), Ok(Minor(33))),
            (format!(r#"{{{own},"emulationMajor":"1","emulationMinor":"33+"}}"#), Ok(Minor(33))),
            (format!(r#"{{{own},"emulationMajor":"","emulationMinor":""}}"#), Ok(Minor(36))),
            (format!(r#"{{{own},"emulationMinor":"33"}}"#), Ok(Minor(36))),
            (
                format!(r#"{{{own},"emulationMajor":"1","emulationMinor":"x"}}"#),
                Err(r#""1"."x" is no version"#.to_owned()),
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(minor_version(&json), expected, "{json}");
        }
    }
}
