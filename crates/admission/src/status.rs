//! A denial as the `status` that kubectl prints: the violations, the fixes, and the source of the policy.

use serde::Serialize;

use policy::{
    requirement::Violation,
    shown::{clean, cut},
    verdict::{ExceptionSummary, Fixes, Verdict},
    workloads::{Object, PodRoot},
};

use super::{message, request::Request, review::ReviewError, warnings::MAX_WARNING};

/// Maximum number of causes in a denial.
const MAX_CAUSES: usize = 64;

/// The fields of `metav1.Status` that a denial uses.
#[derive(Debug, Serialize)]
pub struct Status {
    status: &'static str,
    /// The message for people.
    pub message: String,
    /// The reason, which kubectl prints in brackets.
    pub reason: &'static str,
    /// The HTTP status that the API server answers with.
    pub code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Debug, Serialize)]
struct Details {
    name: String,
    group: String,
    kind: String,
    causes: Vec<Cause>,
}

/// One violation, for machines.
#[derive(Debug, Serialize)]
struct Cause {
    /// The control's id.
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: String,
}

impl Status {
    pub(super) fn forbidden(verdict: &Verdict<'_>, request: &Request<'_>) -> Self {
        let (violations, policy) = (&*verdict.enforce, verdict.policy());
        let first = format!(
            "{} {:?} is forbidden: violates {}: {}",
            cut(&request.resource),
            cut(display_name(request)),
            message::broken(policy.modes.enforce, violations),
            policy::verdict::reasons(violations)
        );
        let last = format!(
            "policy: namespace {:?} enforces {}{}",
            cut(&request.namespace),
            policy.enforced_by(),
            rules(violations)
        );
        let expired = expired(&verdict.exceptions);
        let last: Vec<_> = [last].into_iter().chain(expired).collect();
        let message = message::denial(&first, &Fixes::new(violations), verdict.case.pod, &last);
        Self::failure(403, "Forbidden", message, request, causes(violations))
    }

    pub(super) fn error(error: &ReviewError, request: &Request<'_>) -> Self {
        let (code, reason) = match error {
            ReviewError::Lookup { .. } => (500, "InternalError"),
            ReviewError::Malformed { .. }
            | ReviewError::Object { .. }
            | ReviewError::UnknownResource => (400, "BadRequest"),
            ReviewError::TooLarge { .. } => (413, "RequestEntityTooLarge"),
            ReviewError::Labels(_) => (422, "Invalid"),
        };
        let (message, causes) = match error {
            ReviewError::Labels(invalid) => {
                let all: Vec<_> = invalid.iter().map(ToString::to_string).collect();
                let name = cut(display_name(request));
                let causes = invalid.iter().map(|label| Cause {
                    reason: "FieldValueInvalid",
                    // Without the field's name, because kubectl prints both. The status message appears only if there
                    // is no cause.
                    message: clean(&label.wrong(), MAX_WARNING),
                    field: format!("metadata.labels[{}]", label.label),
                });
                (
                    format!("{} {name:?} is invalid: {}", cut(&request.kind), all.join(", ")),
                    causes.collect(),
                )
            }
            _ => (describe(error), Vec::new()),
        };
        Self::failure(code, reason, clean(&message, message::MAX_DENIAL), request, causes)
    }

    fn failure(
        code: u16,
        reason: &'static str,
        message: String,
        request: &Request<'_>,
        causes: Vec<Cause>,
    ) -> Self {
        let details = (!causes.is_empty()).then(|| Details {
            name: clean(display_name(request), MAX_WARNING),
            group: clean(&request.resource_group, MAX_WARNING),
            kind: clean(&request.resource, MAX_WARNING),
            causes,
        });
        Self { status: "Failure", message, reason, code, details }
    }
}

/// At most `MAX_CAUSES`; the last one then says how many more there are.
fn causes(violations: &[Violation]) -> Vec<Cause> {
    let all = violations.iter().flat_map(|violation| {
        violation.findings.iter().map(move |finding| (violation.requirement, finding))
    });
    let causes = all.take(MAX_CAUSES).map(|(requirement, finding)| Cause {
        reason: requirement.id(),
        message: clean(&finding.fix, MAX_WARNING),
        field: clean(&PodRoot::POD.field(finding.place, &finding.path), MAX_WARNING),
    });
    let mut causes: Vec<_> = causes.collect();
    let total: usize = violations.iter().map(|violation| violation.findings.len()).sum();
    if total > causes.len() {
        let message = format!("and {} more", total - causes.len());
        causes.push(Cause { reason: "", message, field: String::new() });
    }
    causes
}

/// The first exception that would have covered it, and the names of those that it additionally needs, or that could
/// replace it.
fn expired(exceptions: &ExceptionSummary) -> Option<String> {
    let (first, others) = exceptions.missed.split_first()?;
    let (name, owner, ended) = (&first.name, &first.owner, first.ends());
    let mut text =
        format!("PolicyException {name} of {owner} would have covered it, but ended at {ended}");
    if !others.is_empty() {
        let names: Vec<_> = others.iter().map(|note| note.name.as_str()).collect();
        text = format!("{text}; other expired exceptions that concern it: {}", names.join(", "));
    }
    Some(clean(&text, MAX_WARNING))
}

/// The violated rules, for reference: ` and rules/imageTag, rules/resources`.
fn rules(violations: &[Violation]) -> String {
    let of_rules = violations.iter().filter(|violation| violation.requirement.is_rule());
    let ids: Vec<_> = of_rules.map(|violation| violation.requirement.id()).collect();
    if ids.is_empty() { String::new() } else { format!(" and {}", ids.join(", ")) }
}

/// The name, or the prefix of a generated name.
pub fn display_name<'r>(request: &'r Request<'_>) -> &'r str {
    match &request.object {
        Object::Pod(pod) if request.name.is_empty() && pod.metadata.name.is_empty() => {
            &pod.metadata.generate_name
        }
        Object::Pod(pod) if request.name.is_empty() => &pod.metadata.name,
        _ => &request.name,
    }
}

/// The error in one line, for the audit log and for people.
pub(super) fn describe(error: &ReviewError) -> String {
    let text = match error {
        ReviewError::Lookup { namespace, why } => {
            format!("failed to look up namespace {:?}: {why}", cut(namespace))
        }
        ReviewError::Malformed { why } => format!("failed to decode the review: {why}"),
        ReviewError::Object { why } => format!("failed to decode object: {why}"),
        ReviewError::UnknownResource => {
            "failed to extract pod template: unknown resource".to_owned()
        }
        ReviewError::TooLarge { limit } => format!("the review is larger than {limit} bytes"),
        ReviewError::Labels(invalid) => {
            let all: Vec<_> = invalid.iter().map(ToString::to_string).collect();
            all.join("; ")
        }
    };
    clean(&text, message::MAX_DENIAL)
}
