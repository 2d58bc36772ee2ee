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
    workloads::{HeldPod, Object, PodRoot, Target},
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

/// The most pods of an object that are judged: more than any real object describes. Warnings say how many are left out.
const MOST_HELD: usize = 32;

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
#[allow(clippy::large_enum_variant, reason = "most are pods: a box would cost each an allocation")]
pub enum Outcome<'r> {
    /// Not judged: another subresource, a deletion, an update that changes no container.
    Ignore,
    /// The configuration exempts it.
    Exempt(Exemption),
    /// Enforce, audit and warn are all privileged.
    Privileged,
    /// A judged pod.
    Pod(Verdict<'r>),
    /// The pods that an object describes, judged as they will be when its controller creates them.
    Workload {
        /// The verdicts, at least one.
        held: Vec<HeldVerdict<'r>>,
        /// The number of further pods in the object, which were not judged.
        more: usize,
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
    /// The verdicts on the pods that were judged.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict<'r>> {
        let (pod, held): (_, &[HeldVerdict<'r>]) = match self {
            Self::Pod(verdict) => (Some(verdict), &[]),
            Self::Workload { held, .. } => (None, held),
            Self::Ignore
            | Self::Exempt(_)
            | Self::Privileged
            | Self::Namespace(_)
            | Self::Harden(_)
            | Self::Refuse(_)
            | Self::Pass(_) => (None, &[]),
        };
        pod.into_iter().chain(held.iter().map(|held| &held.verdict))
    }
}

/// The verdict on a pod that an object describes.
#[derive(Debug)]
pub struct HeldVerdict<'r> {
    /// Its place in the object.
    pub root: &'r PodRoot,
    /// The verdict after hardening, which in dry-run mode is only simulated.
    pub verdict: Verdict<'r>,
    /// Violations of the enforced level that only hardening prevents.
    pub unhardened: Vec<Violation>,
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
        (_, _, Target::Namespace | Target::Pod | Target::Workload(_) | Target::Unknown) => {
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
    target: Target<'r>,
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
            (Hook::Validate, _) => self.judge_workload(&policy),
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

    fn judge_workload(self, policy: &EffectivePolicy) -> Outcome<'r> {
        let held = match &self.request.object {
            Object::Workload(held) => held,
            Object::Ignored => return self.fail(ReviewError::UnknownResource),
            other => return self.fail(unreadable(other)),
        };
        let (mut judged, mut exempt) = (Vec::new(), None);
        let limits = FindingLimits::ANSWER.shared_by(held.len().min(MOST_HELD));
        for held in held.iter().take(MOST_HELD) {
            match self.judge_held(held, policy.clone(), limits) {
                Ok(verdict) => judged.push(verdict),
                Err(exemption) => exempt = Some(exemption),
            }
        }
        match (judged.is_empty(), exempt) {
            (true, Some(exemption)) => Outcome::Exempt(exemption),
            (true, None) => Outcome::Ignore,
            (false, _) => {
                Outcome::Workload { held: judged, more: held.len().saturating_sub(MOST_HELD) }
            }
        }
    }

    fn judge_held(
        &self,
        held: &'r HeldPod<'r>,
        policy: EffectivePolicy,
        limits: FindingLimits,
    ) -> Result<HeldVerdict<'r>, Exemption> {
        let case = match self.case(&held.pod, policy)? {
            case if case.policy.hardening == Decision::Apply => case.harden(Scope::Create),
            case => case,
        };
        let verdict = policy::verdict::judge(case, Form::Hardened, limits);
        let is_hardened = verdict.enforce.is_empty() && !verdict.case.changes.is_empty();
        let unhardened = || verdict.case.broken(Form::Written, rules::Mode::Enforce);
        let unhardened = is_hardened.then(unhardened).unwrap_or_default();
        Ok(HeldVerdict { root: &held.root, verdict, unhardened })
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
            (Hook::Validate, Target::Workload(_) | Target::Unknown) | (Hook::Mutate, _) => {
                Outcome::Pass(error)
            }
        }
    }
}

/// The subject for exceptions: the owner of a template is its object, that of a pod its controller.
pub(super) fn subject<'r>(request: &'r Request<'_>, pod: &'r Pod<'r>) -> Subject<'r> {
    match request.target() {
        // Kinds of other projects may have the same names.
        Target::Workload(kind) if kind.is_built_in() => {
            Subject::of_template(pod, &request.namespace, &request.kind, &request.name)
        }
        Target::Workload(_) => Subject::made_by(pod, &request.namespace, None),
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
        Object::Ignored | Object::Pod(_) | Object::Workload(_) | Object::Namespace(_) => {
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
