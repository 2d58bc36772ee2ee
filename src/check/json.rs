//! The report for machines. Field names are an interface: scripts read them.

use serde::Serialize;

use super::{Line, Policy, Summary, Unreadable, Verdict};
use crate::pss::Level;

/// One object.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Row<'a> {
    #[serde(rename_all = "camelCase")]
    Judged {
        source: &'a str,
        line: Line,
        api_version: &'a str,
        kind: &'a str,
        namespace: &'a str,
        name: &'a str,
        level: &'static str,
        /// What is judged by, never `latest`.
        version: String,
        allowed: bool,
        /// Only where the object is not judged.
        #[serde(skip_serializing_if = "Option::is_none")]
        exempt: Option<&'static str>,
        violations: Vec<Violation<'a>>,
    },
    Unreadable {
        source: &'a str,
        /// Null when it is about the source as a whole.
        line: Option<Line>,
        error: &'a str,
    },
}

/// One control that an object breaks.
#[derive(Serialize)]
pub(super) struct Violation<'a> {
    control: &'static str,
    reason: &'static str,
    message: &'a str,
    fields: &'a [String],
}

impl<'a> Row<'a> {
    pub(super) fn of_verdict(source: &'a str, verdict: &'a Verdict, policy: &Policy) -> Self {
        let object = &verdict.object;
        let violations = verdict.violations.iter().map(|broken| Violation {
            control: broken.control,
            reason: broken.reason,
            message: &broken.message,
            fields: &broken.fields,
        });
        Self::Judged {
            source,
            line: object.line,
            api_version: &object.api_version,
            kind: &object.kind,
            namespace: &object.namespace,
            name: &object.name,
            level: policy.asked.level.as_str(),
            version: policy.version.to_string(),
            allowed: verdict.violations.is_empty(),
            exempt: verdict.exempt.map(|exemption| exemption.as_str()),
            violations: violations.collect(),
        }
    }

    pub(super) fn of_unreadable(source: &'a str, unreadable: &'a Unreadable) -> Self {
        Self::Unreadable { source, line: unreadable.line, error: &unreadable.why }
    }
}

/// The `summary`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Total<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    level: &'static str,
    /// What is judged by, never `latest`.
    version: String,
    /// As asked for: `latest` or a version.
    policy_version: String,
}

impl<'a> Total<'a> {
    pub(super) fn of(summary: &'a Summary, policy: &Policy) -> Self {
        let level: Level = policy.asked.level;
        Self {
            summary,
            level: level.as_str(),
            version: policy.version.to_string(),
            policy_version: policy.asked.version.to_string(),
        }
    }
}
