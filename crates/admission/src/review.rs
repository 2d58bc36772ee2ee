//! The decision on a request: one `match`, in upstream's order (`admission/admission.go`).
//!
//! A decision may need facts that only the cluster knows: a namespace's labels, or its pods. [`review`] then returns a
//! waiting value, which completes the decision when it gets them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use policy::{
    config::Mode,
    exceptions::Subject,
    harden::{Decision, Scope},
    namespace::EffectivePolicy,
    pss::{ContainerKind, FindingLimits, InvalidLabel, Pod},
    requirement::Violation,
    rules,
    verdict::{Context, Exemption, Form, PodCase, Verdict},
    workloads::{Object, Target},
};

use super::{
    hardening::{self, Hardening},
    namespace::{self, AwaitsPods, NamespaceReview},
    request::{Operation, Request},
};

policy::words! {
    /// The webhook that is called.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Hook {
        /// `/validate`.
        Validate = "validate",
        /// `/mutate`.
        Mutate = "mutate",
    }
}

/// A decision, or the facts that it needs.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "most are decided: a box would cost each an allocation"
)]
pub enum Review<'r> {
    /// The decision.
    Decided(Outcome<'r>),
    /// Needs the namespace's labels.
    AwaitsPolicy(AwaitsPolicy<'r>),
    /// Needs the pods of a namespace whose policy becomes stricter.
    AwaitsPods(AwaitsPods),
}

/// The decision, with the pod that it concerns. Recording and responding match it exhaustively.
#[derive(Debug)]
pub enum Outcome<'r> {
    /// Not judged: another subresource, a deletion, an update that changes no container.
    Ignore,
    /// The configuration exempts it.
    Exempt(Exemption),
    /// Enforce, audit and warn are all privileged.
    Privileged,
    /// A judged pod.
    Pod(Verdict<'r>),
    /// The template of a controller, judged as its pods will be.
    Template {
        /// The verdict after hardening, which in dry-run mode is only simulated.
        verdict: Verdict<'r>,
        /// Violations of the enforced level that only hardening prevents.
        unhardened: Vec<Violation>,
    },
    /// The labels of a namespace.
    Namespace(NamespaceReview),
    /// Changes of hardening to a pod, applied or reported.
    Harden(Hardening<'r>),
    /// It could not be judged, and is denied.
    Refuse(ReviewError),
    /// It could not be judged, and is allowed, because a later request is judged instead.
    Pass(ReviewError),
}

impl<'r> Outcome<'r> {
    /// The verdict on a pod or a template, if one was judged.
    pub fn verdict(&self) -> Option<&Verdict<'r>> {
        match self {
            Self::Pod(verdict) | Self::Template { verdict, .. } => Some(verdict),
            Self::Ignore
            | Self::Exempt(_)
            | Self::Privileged
            | Self::Namespace(_)
            | Self::Harden(_)
            | Self::Refuse(_)
            | Self::Pass(_) => None,
        }
    }
}

/// Why a request could not be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewError {
    /// The namespace's labels are not available.
    Lookup {
        /// The namespace.
        namespace: String,
        /// The reason.
        why: String,
    },
    /// The review is truncated or incomplete. kube-apiserver never sends such a review.
    Malformed {
        /// The error.
        why: String,
    },
    /// The object does not match its resource.
    Object {
        /// The error.
        why: String,
    },
    /// This build does not know where the resource has a pod template.
    UnknownResource,
    /// The body exceeds the limit.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Invalid policy labels of a namespace.
    Labels(Vec<InvalidLabel>),
}

/// Decides, or returns what is missing.
pub fn review<'r>(hook: Hook, request: &'r Request<'r>, context: Context<'r>) -> Review<'r> {
    if let Object::Malformed(why) = &request.object {
        return Review::Decided(Outcome::Refuse(ReviewError::Malformed { why: why.clone() }));
    }
    let target = request.target();
    let outcome = match (hook, request.operation, target) {
        // A deletion or a connection violates nothing.
        (_, Operation::Delete | Operation::Connect, _) | (_, _, Target::Ignored) => Outcome::Ignore,
        (Hook::Mutate, ..) if !hardening::applies_to(request) => Outcome::Ignore,
        (Hook::Validate, _, Target::Namespace) => return namespace::review(request, context),
        (_, _, Target::Namespace | Target::Pod | Target::Template(_) | Target::Unknown) => {
            let by_user = || context.exempt_user(&request.user.name);
            match context.exempt_namespace(&request.namespace).or_else(by_user) {
                Some(exemption) => Outcome::Exempt(exemption),
                None => {
                    return Review::AwaitsPolicy(AwaitsPolicy { hook, request, context, target });
                }
            }
        }
    };
    Review::Decided(outcome)
}

/// A review of a pod or a template that waits for its namespace's labels.
#[derive(Debug)]
pub struct AwaitsPolicy<'r> {
    hook: Hook,
    request: &'r Request<'r>,
    context: Context<'r>,
    target: Target,
}

impl<'r> AwaitsPolicy<'r> {
    /// The namespace whose labels are needed.
    pub fn namespace(&self) -> &str {
        &self.request.namespace
    }

    /// Decides, with the labels or with the reason why they are missing.
    pub fn with(self, labels: Result<&BTreeMap<String, String>, String>) -> Outcome<'r> {
        let labels = match labels {
            Ok(labels) => labels,
            Err(why) => {
                let namespace = self.request.namespace.to_string();
                return self.fail(ReviewError::Lookup { namespace, why });
            }
        };
        let policy = self.context.policy(self.namespace(), labels);
        let is_privileged = policy.is_open();
        match (self.hook, self.target) {
            (Hook::Validate, Target::Pod) if is_privileged => Outcome::Privileged,
            (Hook::Validate, _) if is_privileged => Outcome::Ignore,
            (Hook::Validate, Target::Pod) => self.judge_pod(policy),
            (Hook::Validate, _) => self.judge_template(policy),
            (Hook::Mutate, _) => hardening::review(self.request, self.context, policy)
                .unwrap_or_else(|error| self.fail(error)),
        }
    }

    fn judge_pod(self, policy: EffectivePolicy) -> Outcome<'r> {
        let pod = match &self.request.object {
            Object::Pod(pod) => &**pod,
            other => return self.fail(unreadable(other)),
        };
        if self.request.operation == Operation::Update {
            match &self.request.old_object {
                Object::Pod(old) if !is_significant(pod, old) => {
                    return self.judge_resize(policy, pod, old);
                }
                Object::Pod(_) => {}
                other => return self.fail(unreadable(other)),
            }
        }
        // In dry-run mode hardening was not applied: judge the pod as if it had been.
        let is_unhardened =
            self.context.config.mode == Mode::DryRun && policy.hardening == Decision::Apply;
        let case = match self.case(pod, policy) {
            Ok(case) => case,
            Err(exemption) => return Outcome::Exempt(exemption),
        };
        let case = match is_unhardened && hardening::applies_to(self.request) {
            true => match hardening::scope(self.request) {
                Ok(scope) => case.harden(scope),
                Err(error) => return self.fail(error),
            },
            false => case,
        };
        Outcome::Pod(policy::verdict::judge(case, Form::Hardened, FindingLimits::ANSWER))
    }

    /// Judges an update that upstream does not judge. A resize can violate rules, but no control.
    fn judge_resize(
        &self,
        policy: EffectivePolicy,
        pod: &'r Pod<'r>,
        old: &'r Pod<'r>,
    ) -> Outcome<'r> {
        if !policy.demands().any(|demand| demand.check.is_of_resize()) {
            return Outcome::Ignore;
        }
        let Ok(case) = self.case(pod, policy) else { return Outcome::Ignore };
        let verdict =
            policy::verdict::judge(case.resized_from(old), Form::Written, FindingLimits::ANSWER);
        if verdict.is_clean() { Outcome::Ignore } else { Outcome::Pod(verdict) }
    }

    fn judge_template(self, policy: EffectivePolicy) -> Outcome<'r> {
        let template = match &self.request.object {
            Object::Template(Some(template)) => template,
            Object::Template(None) => return Outcome::Ignore,
            Object::Ignored => return self.fail(ReviewError::UnknownResource),
            other => return self.fail(unreadable(other)),
        };
        let case = match self.case(template, policy) {
            Ok(case) if case.policy.hardening == Decision::Apply => case.harden(Scope::Create),
            Ok(case) => case,
            Err(exemption) => return Outcome::Exempt(exemption),
        };
        let verdict = policy::verdict::judge(case, Form::Hardened, FindingLimits::ANSWER);
        let is_hardened = verdict.enforce.is_empty() && !verdict.case.changes.is_empty();
        let unhardened = || verdict.case.broken(Form::Written, rules::Mode::Enforce);
        let unhardened = is_hardened.then(unhardened).unwrap_or_default();
        Outcome::Template { verdict, unhardened }
    }

    fn case(&self, pod: &'r Pod<'r>, policy: EffectivePolicy) -> Result<PodCase<'r>, Exemption> {
        PodCase::new(&subject(self.request, pod), Cow::Owned(policy), self.context)
    }

    /// Pods fail closed. Templates fail open, because their pods are judged later. So does hardening, because an
    /// unchanged pod is judged afterwards.
    fn fail(&self, error: ReviewError) -> Outcome<'r> {
        match (self.hook, self.target) {
            (Hook::Validate, Target::Pod | Target::Namespace | Target::Ignored) => {
                Outcome::Refuse(error)
            }
            (Hook::Validate, Target::Template(_) | Target::Unknown) | (Hook::Mutate, _) => {
                Outcome::Pass(error)
            }
        }
    }
}

/// The subject for exceptions: the owner of a template is its object, that of a pod its controller.
pub(super) fn subject<'r>(request: &'r Request<'_>, pod: &'r Pod<'r>) -> Subject<'r> {
    match request.target() {
        Target::Template(_) => {
            Subject::of_template(pod, &request.namespace, &request.kind, &request.name)
        }
        Target::Pod | Target::Namespace | Target::Ignored | Target::Unknown => {
            Subject::of(pod, &request.namespace, &request.user.name)
        }
    }
}

/// Why an object is not of the expected type.
pub(super) fn unreadable(object: &Object<'_>) -> ReviewError {
    let why = match object {
        Object::Unreadable(why) | Object::Malformed(why) => why.clone(),
        Object::Absent => "the request has no object".to_owned(),
        Object::Ignored | Object::Pod(_) | Object::Template(_) | Object::Namespace(_) => {
            "the object is not of the request's resource".to_owned()
        }
    };
    ReviewError::Object { why }
}

/// Whether an update changes what a pod runs: upstream's `isSignificantPodUpdate`. Other updates are allowed without
/// judging, so that a harmless label update is not denied because of existing violations.
fn is_significant(pod: &Pod<'_>, old: &Pod<'_>) -> bool {
    let differs = |kind: ContainerKind| {
        let (new, old) = (pod.spec.list(kind), old.spec.list(kind));
        new.len() != old.len() || new.iter().zip(old).any(|(new, old)| new.image != old.image)
    };
    let debugs = || {
        // Of two containers with the same name, the first counts.
        let known = old.spec.ephemeral_containers.iter().rev();
        let known: HashMap<_, _> = known.map(|old| (&*old.name, &old.image)).collect();
        let mut now = pod.spec.ephemeral_containers.iter();
        now.any(|new| known.get(&*new.name) != Some(&&new.image))
    };
    differs(ContainerKind::Main) || differs(ContainerKind::Init) || debugs()
}
