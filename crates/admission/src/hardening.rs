//! The decision of `/mutate`.

use std::borrow::Cow;

use policy::{
    config::Mode,
    harden::{Decision, MissingDefault, PatchText, Scope},
    namespace::EffectivePolicy,
    pss::{MIRROR, Pod},
    rules,
    verdict::{Context, Form, PodCase},
    workloads::{Object, Target},
};

use super::{
    request::{Operation, Request},
    review::{Outcome, ReviewError, subject, unreadable},
};

/// What hardening adds to a pod.
#[derive(Debug)]
pub struct Hardening<'r> {
    /// The pod in the request.
    pub pod: &'r Pod<'r>,
    /// Whether the changes are applied.
    pub effect: Effect,
    /// The changes.
    pub changes: Vec<MissingDefault>,
    /// Whether the user learns of it elsewhere: from a denial, which the pod gets in any case, or from the warnings of
    /// `/validate`, which say what to set in an unchanged pod.
    pub is_told_otherwise: bool,
}

policy::words! {
    /// Whether hardening applies its changes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Effect {
        /// The response contains the patch.
        Apply = "apply",
        /// The response only reports the changes.
        Report = "report",
    }
}

impl Hardening<'_> {
    /// The patch for the request's object.
    pub fn patch(&self) -> PatchText {
        PatchText::new(self.pod, &self.changes)
    }
}

/// Whether a request creates a pod or adds containers to it: nothing else can be changed in a running pod.
///
/// Mirror pods of the kubelet are not changed, because their static pods run already. The annotation alone does not
/// identify one, since anyone can set it.
pub(super) fn applies_to(request: &Request<'_>) -> bool {
    let is_open = matches!(
        (request.operation, request.subresource.as_str()),
        (Operation::Create, "") | (Operation::Update, "ephemeralcontainers")
    );
    let is_mirror = match &request.object {
        Object::Pod(pod) => request.user.is_node && pod.metadata.annotations.get(MIRROR).is_some(),
        _ => false,
    };
    request.target() == Target::Pod && is_open && !is_mirror
}

/// Plans the changes for a request that [`applies_to`].
pub(super) fn review<'r>(
    request: &'r Request<'r>,
    context: Context<'r>,
    policy: EffectivePolicy,
) -> Result<Outcome<'r>, ReviewError> {
    let decision = policy.hardening;
    let effect = match decision {
        Decision::Apply if context.config.mode == Mode::Enforce => Effect::Apply,
        Decision::Apply | Decision::Report => Effect::Report,
        Decision::Nothing => return Ok(Outcome::Ignore),
    };
    let pod = match &request.object {
        Object::Pod(pod) => &**pod,
        other => return Err(unreadable(other)),
    };
    let case = match PodCase::new(&subject(request, pod), Cow::Owned(policy), context) {
        Ok(case) => case.harden(scope(request)?),
        Err(exemption) => return Ok(Outcome::Exempt(exemption)),
    };
    let is_denied = |form| !case.broken(form, rules::Mode::Enforce).is_empty();
    let is_warned = |form| {
        let violations = case.broken(form, rules::Mode::Warn);
        violations.iter().any(|violation| !violation.requirement.is_rule())
    };
    let is_told_otherwise = !case.changes.is_empty()
        && (is_denied(Form::Hardened)
            || decision == Decision::Report
                && is_warned(Form::Written)
                && !is_denied(Form::Written));
    Ok(Outcome::Harden(Hardening { pod, effect, changes: case.changes, is_told_otherwise }))
}

/// The part of the pod that a request that [`applies_to`] can still change.
pub(super) fn scope<'r>(request: &'r Request<'_>) -> Result<Scope<'r>, ReviewError> {
    match (request.operation, &request.old_object) {
        (Operation::Create, _) => Ok(Scope::Create),
        (_, Object::Pod(old)) => Ok(Scope::Debug { old }),
        (_, other) => Err(unreadable(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use policy::{config::Config, pss::NEWEST, verdict::ExceptionsAt};

    use crate::{Answer, Hook, Review};

    const PLAIN: &str = r#"{"name":"web"}"#;
    const PRIVILEGED: &str = r#"{"name":"web","securityContext":{"privileged":true}}"#;

    /// The response of `/mutate` for a pod with these containers, in a namespace with these labels.
    fn answer(containers: &str, labels: &[(&str, &str)]) -> Answer {
        let pods = r#"{"group":"","version":"v1","resource":"pods"}"#;
        let text = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"1","resource":{pods},
            "namespace":"shop","operation":"CREATE","object":{{"spec":{{"containers":[{containers}]}}}}}}}}"#
        );
        let request =
            Request::decode(text.as_bytes(), policy::workloads::Kinds::default()).unwrap();
        let config = Config::embedded();
        let context = Context { config: &config, newest: NEWEST, excepted: ExceptionsAt::none() };
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let Review::AwaitsPolicy(review) = crate::review(Hook::Mutate, &request, context) else {
            panic!("a pod's hardening depends on its namespace");
        };
        crate::answer(&review.with(Ok(&labels)), &request, config.mode)
    }

    #[test]
    fn advice_is_left_out_where_the_pod_will_be_denied_all_the_same() {
        let enforce = |level| ("pod-security.kubernetes.io/enforce", level);
        let harden = |mode| ("portcullis.dev/harden", mode);
        let warn = |level| ("pod-security.kubernetes.io/warn", level);
        for (containers, labels, key, is_told) in [
            (PLAIN, [enforce("restricted"), harden("apply")], "hardened", true),
            (PLAIN, [enforce("restricted"), harden("report")], "would-harden", true),
            // `/validate` warns about it in the same words.
            (PLAIN, [enforce("baseline"), harden("report")], "would-harden", false),
            (PLAIN, [warn("privileged"), harden("report")], "would-harden", true),
            (PRIVILEGED, [enforce("privileged"), harden("apply")], "hardened", true),
            (PRIVILEGED, [enforce("restricted"), harden("apply")], "hardened", false),
            (PRIVILEGED, [enforce("restricted"), harden("report")], "would-harden", false),
            (PRIVILEGED, [enforce("baseline"), harden("apply")], "hardened", false),
        ] {
            let answer = answer(containers, &labels);
            assert_eq!(!answer.warnings.is_empty(), is_told, "{labels:?}: {answer:?}");
            assert!(answer.annotations.contains_key(key), "{labels:?}: {answer:?}");
            assert_eq!(answer.patch.is_some(), key == "hardened", "{labels:?}: {answer:?}");
        }
    }
}
