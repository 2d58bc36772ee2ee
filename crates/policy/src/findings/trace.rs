//! The trace of a verdict, step by step in the order of the decision. Pure: values in, lines out.

use crate::{
    config::PROFILE_LABEL,
    namespace::{EffectivePolicy, Source},
    pss::{Version, is_policy_label},
    verdict::{Exemption, Note},
};

use super::{Identity, JudgedPolicy, Policy, Severity, Workload};

/// One line per step: `level    baseline:latest (label pod-security.kubernetes.io/enforce)`.
pub(super) fn of(
    workload: &Workload,
    policy: &Policy,
    judged_policy: &JudgedPolicy,
) -> Vec<String> {
    let mut lines = vec![line("namespace", &namespace(&workload.identity, policy))];
    if let Some(exemption) = workload.exempt {
        lines.push(line("exemption", &exempt(exemption)));
        return lines;
    }
    lines.push(line("exemption", "none"));
    lines.push(line("floor", &floor(&workload.identity, policy, &judged_policy.policy)));
    lines.push(line("profile", &profile(&judged_policy.policy)));
    lines.push(line("level", &level(policy, judged_policy)));
    lines.push(line("version", &version(judged_policy)));
    lines.push(line("rules", &rules(&judged_policy.policy)));
    lines.push(line("exceptions", &exceptions(workload)));
    lines.push(line("verdict", &verdict(workload)));
    lines
}

fn line(step: &str, what: &str) -> String {
    format!("{step:<10} {what}")
}

fn namespace(identity: &Identity, policy: &Policy) -> String {
    let name = identity.namespace.as_str();
    let (labels, whose) = match policy.labels.known.get(name) {
        Some(labels) if policy.labels.defined.contains(name) => {
            (labels, "labels of its Namespace in the input")
        }
        Some(labels) => (labels, "labels of the cluster"),
        None => (&policy.labels.others, "labels as given"),
    };
    let set: Vec<_> = labels
        .iter()
        .filter(|(key, _)| is_policy_label(key) || *key == PROFILE_LABEL)
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let name = if name.is_empty() { "(not set)".to_owned() } else { format!("{name:?}") };
    if policy.labels.is_of_cluster && !policy.labels.known.contains_key(&identity.namespace) {
        return format!("{name}, which the cluster does not have");
    }
    if set.is_empty() {
        return format!("{name}, no label that sets a policy");
    }
    format!("{name}, {whose}: {}", set.join(", "))
}

fn exempt(exemption: Exemption) -> String {
    let what = match exemption {
        Exemption::Namespace => "its namespace",
        Exemption::User => "who asks",
        Exemption::RuntimeClass => "its runtime class",
    };
    format!("{what} is exempt by the configuration: nothing is judged")
}

fn floor(identity: &Identity, policy: &Policy, of: &EffectivePolicy) -> String {
    match (&policy.config.policies.floor, of.below_floor) {
        (None, _) => "none".to_owned(),
        (Some(floor), Some(asked)) => {
            format!("{} is enforced, though {asked} is asked for", floor.enforce)
        }
        (Some(floor), None) if !floor.is_for(&identity.namespace) => {
            format!("{}, not for this namespace", floor.enforce)
        }
        (Some(floor), None) if of.is_held_by(&Source::Floor) => {
            format!("{}, which applies in addition to the requested level", floor.enforce)
        }
        (Some(floor), None) => format!("{}, which is asked for anyway", floor.enforce),
    }
}

fn profile(of: &EffectivePolicy) -> String {
    let unknown = of.invalid.iter().find(|label| label.label == PROFILE_LABEL);
    match (&of.profile, unknown) {
        (Some(profile), _) => {
            let allow = match of.grants().next() {
                Some(_) => "what it allows holds",
                None => "more is enforced, so that what it allows does not hold",
            };
            format!("{} ({}), {allow}", profile.name, profile.enforce)
        }
        (None, Some(label)) => {
            format!("{:?} is none that this namespace may take: restricted", label.value)
        }
        (None, None) => "none".to_owned(),
    }
}

fn level(policy: &Policy, judged_policy: &JudgedPolicy) -> String {
    let asked = judged_policy.asked;
    if asked == judged_policy.policy.modes.enforce {
        return judged_policy.policy.enforced_by();
    }
    let given = if policy.level.is_some() { "--level" } else { "--policy-version" };
    format!("{asked} ({given})")
}

fn version(judged_policy: &JudgedPolicy) -> String {
    let judged = judged_policy.judged();
    let mut asked = judged_policy.asked.iter().map(|pair| pair.version);
    let (Some(asked), None) = (asked.next(), asked.next()) else { return judged.to_string() };
    let judged = judged.highest().version;
    match asked {
        Version::Latest => format!("{judged}, the latest"),
        asked @ Version::V1(_) if asked == judged => judged.to_string(),
        asked @ Version::V1(_) => format!("{judged}, since {asked} is newer than is known here"),
    }
}

fn rules(of: &EffectivePolicy) -> String {
    let all: Vec<_> = of
        .demands()
        .map(|demand| format!("{} ({})", demand.check.rule().id, demand.mode))
        .collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn exceptions(workload: &Workload) -> String {
    let names =
        |notes: &[Note]| notes.iter().map(|note| note.name.as_str()).collect::<Vec<_>>().join(", ");
    let (by, expired) = (&workload.exceptions.by, &workload.exceptions.expired);
    let mut parts = Vec::new();
    if !by.is_empty() {
        parts.push(names(by));
    }
    if !expired.is_empty() {
        parts.push(format!("no more: {}", names(expired)));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
}

fn verdict(workload: &Workload) -> String {
    let is_error = |severity: Severity| severity == Severity::Error;
    let ids = |wanted: bool| {
        let broken = workload.violations.iter().filter(|it| is_error(it.severity) == wanted);
        broken.map(|it| it.requirement.id()).collect::<Vec<_>>().join(", ")
    };
    match (ids(true), ids(false)) {
        (errors, warnings) if errors.is_empty() && warnings.is_empty() => "allowed".to_owned(),
        (errors, warnings) if errors.is_empty() => format!("allowed; warnings: {warnings}"),
        (errors, _) => format!("denied: {errors}"),
    }
}
