//! What `/mutate` decides.

use crate::{
    config::Mode,
    harden::{self, Change, Decision, PatchText, Scope},
    policy::{self, Grant, NamespacePolicy},
    pss::{Caps, MIRROR, Pod},
};

use super::{
    object::{Object, Target},
    request::{Operation, Request},
    review::{Context, Exemption, Fault, Outcome, unreadable},
};

/// What hardening adds to a pod.
#[derive(Debug)]
pub struct Hardening<'r> {
    /// The pod, as the request has it.
    pub pod: &'r Pod<'r>,
    /// Whether it is really added.
    pub effect: Effect,
    /// What.
    pub changes: Vec<Change>,
    /// Whether people are told otherwise: by a denial, which the pod gets whatever is added, or by the warnings of
    /// `/validate`, which say what to set of a pod that is left as it is.
    pub is_told_otherwise: bool,
}

/// Whether hardening acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The patch is answered.
    Apply,
    /// It is only told.
    Report,
}

impl Hardening<'_> {
    /// The operations that add it, on the request's object.
    pub fn patch(&self) -> PatchText {
        PatchText::of(self.pod, &self.changes, &["spec"])
    }
}

impl Effect {
    /// A metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Report => "report",
        }
    }
}

/// Whether a request makes a pod, or adds containers to it: nothing else may be changed in one that runs.
///
/// The kubelet's mirror pods are left alone, since what they mirror runs already. The annotation alone does not
/// make one: anyone can set it.
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

/// Plans the changes of a request that [`applies_to`].
pub(super) fn review<'r>(
    request: &'r Request<'r>,
    context: Context<'_>,
    policy: &NamespacePolicy,
    decision: Decision,
) -> Result<Outcome<'r>, Fault> {
    let effect = match decision {
        Decision::Apply if context.config.mode == Mode::Enforce => Effect::Apply,
        Decision::Apply | Decision::Report => Effect::Report,
        Decision::Nothing => return Ok(Outcome::Ignore),
    };
    let pod = match &request.object {
        Object::Pod(pod) => pod,
        other => return Err(unreadable(other)),
    };
    if context.config.exemptions.runtime_class(&pod.spec.runtime_class_name) {
        return Ok(Outcome::Exempt(Exemption::RuntimeClass));
    }
    let covering = context.excepted.of_request(request, pod);
    let grants = covering.grants();
    let changes = plan(request, pod, context, (policy, &grants))?;
    let is_warned_of = |pod: &Pod<'_>| {
        let pod = policy.relax(pod, &grants);
        !policy::controls(policy.policy.warn, context.newest, &pod, Caps::NONE).is_empty()
    };
    let is_denied =
        |pod: &Pod<'_>| !policy.enforced(context.newest, &policy.relax(pod, &grants)).is_empty();
    let is_told_otherwise = !changes.is_empty()
        && (is_denied(&harden::apply(pod, &changes))
            || decision == Decision::Report && is_warned_of(pod) && !is_denied(pod));
    Ok(Outcome::Harden(Hardening { pod, effect, changes, is_told_otherwise }))
}

fn plan(
    request: &Request<'_>,
    pod: &Pod<'_>,
    context: Context<'_>,
    (policy, exceptions): (&NamespacePolicy, &[Grant<'_>]),
) -> Result<Vec<Change>, Fault> {
    let scope = match (request.operation, &request.old_object) {
        (Operation::Create, _) => Scope::Create,
        (_, Object::Pod(old)) => Scope::Debug { old },
        (_, other) => return Err(unreadable(other)),
    };
    let changes = harden::plan(pod, &context.config.harden, scope);
    Ok(policy.relax(pod, exceptions).without_relaxed(changes))
}

/// In dry run nothing was added before validation: the pod as it would have been, so that what is said of it is
/// what would have happened. `None` where it is judged as it came.
pub(super) fn foretell<'r>(
    request: &Request<'_>,
    pod: &Pod<'r>,
    context: Context<'_>,
    relaxed: (&NamespacePolicy, &[Grant<'_>]),
    decision: Decision,
) -> Option<Pod<'r>> {
    let is_missing = context.config.mode == Mode::DryRun && decision == Decision::Apply;
    if !is_missing || !applies_to(request) {
        return None;
    }
    let changes = plan(request, pod, context, relaxed).ok()?;
    (!changes.is_empty()).then(|| harden::apply(pod, &changes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        admission::{self, Answer, At, Hook, Review},
        config::Config,
        pss::NEWEST,
    };

    const PLAIN: &str = r#"{"name":"web"}"#;
    const PRIVILEGED: &str = r#"{"name":"web","securityContext":{"privileged":true}}"#;

    /// What `/mutate` answers of a pod with these containers, in a namespace with these labels.
    fn answer(containers: &str, labels: &[(&str, &str)]) -> Answer {
        let pods = r#"{"group":"","version":"v1","resource":"pods"}"#;
        let text = format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"1","resource":{pods},
            "namespace":"shop","operation":"CREATE","object":{{"spec":{{"containers":[{containers}]}}}}}}}}"#
        );
        let request = Request::decode(text.as_bytes()).unwrap();
        let config = Config::embedded();
        let context = Context { config: &config, newest: NEWEST, excepted: At::nothing() };
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let Review::AwaitsPolicy(review) = admission::review(Hook::Mutate, &request, context)
        else {
            panic!("a pod's hardening depends on its namespace");
        };
        admission::answer(&review.with(Ok(&labels)), &request, config.mode)
    }

    #[test]
    fn advice_is_left_out_where_the_pod_will_be_denied_all_the_same() {
        let enforce = |level| ("pod-security.kubernetes.io/enforce", level);
        let harden = |mode| ("portcullis.dev/harden", mode);
        let warn = |level| ("pod-security.kubernetes.io/warn", level);
        for (containers, labels, key, is_told) in [
            (PLAIN, [enforce("restricted"), harden("apply")], "hardened", true),
            (PLAIN, [enforce("restricted"), harden("report")], "would-harden", true),
            // `/validate` warns of it, in the same words.
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
