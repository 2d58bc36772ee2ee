//! Parses a denial.

use crate::support::{user::Answer, webhooks::ENFORCE};

/// The message of our server.
#[derive(Debug)]
pub(crate) struct Denial {
    /// `violates rules: …`
    pub(crate) violates: String,
    pub(crate) lines: Vec<String>,
    /// The control or rule and the field of each cause, in order.
    pub(crate) causes: Vec<(String, String)>,
}

impl Denial {
    /// The distinct ids.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.causes.iter().map(|(id, _)| id.as_str()).collect();
        ids.dedup();
        ids
    }

    /// The line with the source of the policy.
    pub(crate) fn policy(&self) -> &str {
        self.lines.iter().find(|line| line.starts_with("policy: ")).expect("a policy")
    }

    /// The fields to set.
    pub(crate) fn fixes(&self) -> String {
        let fixes = self.lines.iter().filter(|line| line.starts_with("  "));
        fixes.map(|line| line.trim()).collect::<Vec<_>>().join("\n")
    }
}

/// Asserts that our webhook denied this pod.
#[track_caller]
pub(crate) fn denied(answer: &Answer, pod: &str) -> Denial {
    assert_eq!((answer.code, answer.reason()), (403, "Forbidden"), "{:#}", answer.body);
    let start =
        format!(r#"admission webhook "{ENFORCE}" denied the request: pods "{pod}" is forbidden: "#);
    let message = answer.message().strip_prefix(&start);
    let message = message.unwrap_or_else(|| panic!("{}", answer.message()));
    let mut lines = message.lines().map(str::to_owned);
    let violates = lines.next().unwrap();
    let causes = answer.body["details"]["causes"].as_array().expect("causes");
    let text = |cause: &serde_json::Value, key: &str| cause[key].as_str().unwrap().to_owned();
    let causes = causes.iter().map(|cause| (text(cause, "reason"), text(cause, "field")));
    Denial { violates, lines: lines.collect(), causes: causes.collect() }
}
