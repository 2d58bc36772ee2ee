//! One log line per decision: denials at level info, everything else at debug.
//!
//! Text from the request is truncated here and escaped by the subscriber.

use tracing::{Level, debug, enabled, info};

use admission::{Outcome, Request};
use policy::verdict::Note;

use super::{Decision, metrics};

/// Maximum number of characters of a value from the request.
const MAX_TEXT: usize = 253;

pub(super) fn write(decision: &Decision<'_>) {
    // A macro instead of a function, because `tracing` needs the level at compile time.
    macro_rules! line {
        ($level:ident, $decision:expr) => {{
            let Line { kind, name, violations, exceptions, expired, microseconds } =
                Line::of($decision);
            let request = $decision.request;
            $level!(
                hook = $decision.hook.as_str(),
                uid = cut(&request.uid),
                operation = request.operation.as_str(),
                kind,
                namespace = cut(&request.namespace),
                name,
                user = cut(&request.user.name),
                dry_run = request.dry_run,
                outcome = metrics::word($decision.outcome),
                allowed = $decision.answer.denial.is_none(),
                violations,
                exceptions,
                expired,
                detail = detail($decision),
                microseconds,
                "decision"
            );
        }};
    }
    if is_notable(decision) {
        if enabled!(Level::INFO) {
            line!(info, decision);
        }
    } else if enabled!(Level::DEBUG) {
        line!(debug, decision);
    }
}

/// Whether an operator should see it: pods denied or not judged, also in dry run.
fn is_notable(decision: &Decision<'_>) -> bool {
    match decision.outcome {
        Outcome::Pod(verdict) => !verdict.enforce.is_empty(),
        Outcome::Refuse(_) | Outcome::Pass(_) => true,
        Outcome::Ignore
        | Outcome::Exempt(_)
        | Outcome::Privileged
        | Outcome::Workload { .. }
        | Outcome::Namespace(_)
        | Outcome::Harden(_) => false,
    }
}

struct Line<'r> {
    kind: &'r str,
    name: &'r str,
    violations: String,
    /// The exceptions that apply, and those that have expired and would apply otherwise.
    exceptions: String,
    expired: String,
    microseconds: u64,
}

impl<'r> Line<'r> {
    fn of(decision: &Decision<'r>) -> Self {
        let is_denied = matches!(decision.outcome, Outcome::Pod(pod) if !pod.enforce.is_empty());
        let violations = decision
            .outcome
            .verdicts()
            .flat_map(|verdict| if is_denied { &verdict.enforce } else { &verdict.warn });
        let mut ids: Vec<_> = violations.map(|violation| violation.requirement.id()).collect();
        ids.dedup();
        let covered = || decision.outcome.verdicts().map(|verdict| &verdict.exceptions);
        Self {
            exceptions: names(covered().flat_map(|covered| &covered.by)),
            expired: names(covered().flat_map(|covered| &covered.missed)),
            kind: cut(&decision.request.kind),
            name: cut(name(decision.request)),
            violations: ids.join(","),
            microseconds: u64::try_from(decision.took.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// As many names as fit.
fn names<'n>(exceptions: impl Iterator<Item = &'n Note>) -> String {
    let mut text = String::new();
    for note in exceptions {
        if text.len() >= MAX_TEXT {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&note.name);
    }
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

fn detail<'r>(decision: &Decision<'r>) -> &'r str {
    let annotation = |key| decision.answer.annotations.get(key).map(String::as_str);
    decision.answer.denial.as_ref().map_or_else(
        || annotation("error").or_else(|| annotation("dry-run")).unwrap_or_default(),
        |status| status.message.lines().next().unwrap_or_default(),
    )
}

fn name<'r>(request: &'r Request<'r>) -> &'r str {
    admission::display_name(request)
}

/// Truncates to `MAX_TEXT` bytes, at a character boundary.
pub(super) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}
