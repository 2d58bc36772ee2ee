//! The decision on a request: one `match`, in upstream's order (`admission/admission.go`).
//!
//! A decision may wait for what only the cluster knows: a namespace's labels, or the pods that run in it.
//! [`review`] says so by its value, and the waiting value takes the answer.

use std::collections::{BTreeMap, HashMap};

use crate::{
    config::Config,
    harden,
    policy::{self, Covering, Grant, NamespacePolicy},
    pss::{Caps, ContainerKind, InvalidLabel, Minor, Pod},
    rules::Mode,
};

use super::{
    exceptions::At,
    hardening::{self, Hardening},
    judgement::{Judgement, PodJudgement, TemplateJudgement},
    namespace::{self, AwaitsPods, NamespaceReview},
    object::{Object, Target},
    request::{Operation, Request},
};

/// Which webhook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// `/validate`.
    Validate,
    /// `/mutate`.
    Mutate,
}

impl Hook {
    /// The path's last word: a label of metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Mutate => "mutate",
        }
    }
}

/// What holds for every request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The configuration in force.
    pub config: &'c Config,
    /// What `latest` means: the newest version that both the build and the cluster know.
    pub newest: Minor,
    /// What is excepted, and now.
    pub excepted: At<'c>,
}

/// A decision, or what it waits for.
#[derive(Debug)]
pub enum Review<'r> {
    /// Nothing more is needed.
    Decided(Outcome<'r>),
    /// The namespace's labels.
    AwaitsPolicy(AwaitsPolicy<'r>),
    /// The pods of a namespace whose policy becomes stricter.
    AwaitsPods(AwaitsPods),
}

/// What was decided, with the pod that it is about. Recording and answering match it exhaustively.
#[derive(Debug)]
pub enum Outcome<'r> {
    /// Nothing that is judged: another subresource, a deletion, an update that changes no container.
    Ignore,
    /// The configuration exempts it.
    Exempt(Exemption),
    /// Enforce, audit and warn are all privileged.
    Privileged,
    /// A pod, judged.
    Pod(PodJudgement<'r>),
    /// A controller's template, judged as its pods will be.
    Template(TemplateJudgement<'r>),
    /// A namespace and its labels.
    Namespace(NamespaceReview),
    /// What hardening adds to a pod, or would.
    Harden(Hardening<'r>),
    /// It could not be judged, and is denied.
    Refuse(Fault),
    /// It could not be judged, and is let through: another request will be judged in its stead.
    Pass(Fault),
}

impl Outcome<'_> {
    /// What a pod or a template was found to break, where one was judged.
    pub fn judgement(&self) -> Option<&Judgement> {
        match self {
            Self::Pod(PodJudgement { judgement, .. })
            | Self::Template(TemplateJudgement { judgement, .. }) => Some(judgement),
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

/// Why something is not judged at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemption {
    /// Its namespace.
    Namespace,
    /// Who asks.
    User,
    /// Its runtime class.
    RuntimeClass,
}

impl Exemption {
    /// The value of the audit annotation `exempt`, as upstream writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::User => "user",
            Self::RuntimeClass => "runtimeClass",
        }
    }
}

/// Why a request could not be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The namespace's labels could not be had.
    Lookup {
        /// Which.
        namespace: String,
        /// Why not.
        why: String,
    },
    /// The review breaks off, or does not say what is asked. kube-apiserver never sends one.
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// The object is not what its resource says.
    Object {
        /// What is wrong.
        why: String,
    },
    /// The resource holds no pod template that this build knows.
    UnknownResource,
    /// The body is above the limit, in bytes.
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Labels of a namespace that set no policy.
    Labels(Vec<InvalidLabel>),
}

/// Decides, or says what is missing.
pub fn review<'r>(hook: Hook, request: &'r Request<'r>, context: Context<'r>) -> Review<'r> {
    if let Object::Malformed(why) = &request.object {
        return Review::Decided(Outcome::Refuse(Fault::Malformed { why: why.clone() }));
    }
    let target = request.target();
    let outcome = match (hook, request.operation, target) {
        // What goes away, or is only talked to, breaks nothing.
        (_, Operation::Delete | Operation::Connect, _) | (_, _, Target::Ignored) => Outcome::Ignore,
        (Hook::Mutate, ..) if !hardening::applies_to(request) => Outcome::Ignore,
        (Hook::Validate, _, Target::Namespace) => return namespace::review(request, context),
        (_, _, Target::Namespace | Target::Pod | Target::Template(_) | Target::Unknown) => {
            match exemption(request, context.config) {
                Some(exemption) => Outcome::Exempt(exemption),
                None => {
                    return Review::AwaitsPolicy(AwaitsPolicy { hook, request, context, target });
                }
            }
        }
    };
    Review::Decided(outcome)
}

fn exemption(request: &Request<'_>, config: &Config) -> Option<Exemption> {
    let exemptions = &config.exemptions;
    if exemptions.namespace(&request.namespace) {
        return Some(Exemption::Namespace);
    }
    exemptions.user(&request.user.name).then_some(Exemption::User)
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
    /// Whose labels.
    pub fn namespace(&self) -> &str {
        &self.request.namespace
    }

    /// Decides, with the labels or with why there are none.
    pub fn with(self, labels: Result<&BTreeMap<String, String>, String>) -> Outcome<'r> {
        let labels = match labels {
            Ok(labels) => labels,
            Err(why) => {
                let namespace = self.request.namespace.to_string();
                return self.fail(Fault::Lookup { namespace, why });
            }
        };
        let config = self.context.config;
        let namespace = self.namespace();
        let policy = NamespacePolicy::of(namespace, labels, &config.defaults, &config.policies);
        let harden = harden::Decision::of(labels, &policy.policy, &config.harden);
        let is_privileged = policy.is_open();
        match (self.hook, self.target) {
            (Hook::Validate, Target::Pod) if is_privileged => Outcome::Privileged,
            (Hook::Validate, _) if is_privileged => Outcome::Ignore,
            (Hook::Validate, Target::Pod) => self.judge_pod(policy, harden),
            (Hook::Validate, _) => self.judge_template(policy, harden),
            (Hook::Mutate, _) => hardening::review(self.request, self.context, &policy, harden)
                .unwrap_or_else(|fault| self.fail(fault)),
        }
    }

    fn judge_pod(self, policy: NamespacePolicy, harden: harden::Decision) -> Outcome<'r> {
        let pod = match &self.request.object {
            Object::Pod(pod) => pod,
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
        if self.context.config.exemptions.runtime_class(&pod.spec.runtime_class_name) {
            return Outcome::Exempt(Exemption::RuntimeClass);
        }
        let covering = self.context.excepted.of_request(self.request, pod);
        let grants = covering.grants();
        let foretold =
            hardening::foretell(self.request, pod, self.context, (&policy, &grants), harden);
        let judged = foretold.as_ref().unwrap_or(pod);
        let judgement = Judgement::of_pod(policy, judged, &grants, self.context.newest);
        let judgement = self.covered(judgement, &covering, judged);
        Outcome::Pod(PodJudgement { pod, judgement })
    }

    /// An update that upstream does not judge. Controls are about what a resize cannot change; rules are not.
    fn judge_resize(
        &self,
        policy: NamespacePolicy,
        pod: &'r Pod<'r>,
        old: &Pod<'_>,
    ) -> Outcome<'r> {
        let exemptions = &self.context.config.exemptions;
        if !policy.demands().any(|demand| demand.check.is_of_resize())
            || exemptions.runtime_class(&pod.spec.runtime_class_name)
        {
            return Outcome::Ignore;
        }
        let covering = self.context.excepted.of_request(self.request, pod);
        let judgement = Judgement::of_resize(policy, pod, old, &covering.grants());
        if judgement.is_clean() {
            return Outcome::Ignore;
        }
        let allows = |grants: &[Grant<'_>]| {
            let policy = &judgement.policy;
            let pod = policy.relax(pod, grants);
            policy::raised(policy.demands(), Mode::Enforce, &pod, old, Caps::NONE).is_empty()
        };
        let told = self.context.excepted.told(&covering, allows);
        Outcome::Pod(PodJudgement { pod, judgement: judgement.covered(told) })
    }

    fn judge_template(self, policy: NamespacePolicy, harden: harden::Decision) -> Outcome<'r> {
        let template = match &self.request.object {
            Object::Template(Some(template)) => template,
            Object::Template(None) => return Outcome::Ignore,
            Object::Ignored => return self.fail(Fault::UnknownResource),
            other => return self.fail(unreadable(other)),
        };
        if self.context.config.exemptions.runtime_class(&template.spec.runtime_class_name) {
            return Outcome::Exempt(Exemption::RuntimeClass);
        }
        let covering = self.context.excepted.of_request(self.request, template);
        let grants = covering.grants();
        let mut judged = TemplateJudgement::new(policy, template, harden, &grants, self.context);
        let is_covered = !(covering.granted.is_empty() && covering.expired.is_empty());
        let is_changed = is_covered && !judged.hardened.is_empty();
        let hardened = is_changed.then(|| harden::apply(template, &judged.hardened));
        let pod = hardened.as_ref().unwrap_or(template);
        judged.judgement = self.covered(judged.judgement, &covering, pod);
        Outcome::Template(judged)
    }

    /// Adds the notes on the exceptions that cover a pod.
    fn covered(&self, judgement: Judgement, covering: &Covering<'_>, pod: &Pod<'_>) -> Judgement {
        let policy = &judgement.policy;
        let allows = |grants: &[Grant<'_>]| {
            policy.enforced(self.context.newest, &policy.relax(pod, grants)).is_empty()
        };
        let told = self.context.excepted.told(covering, allows);
        judgement.covered(told)
    }

    /// Pods fail closed. Templates fail open, since their pods are judged once more, and so does hardening,
    /// since what it leaves alone is judged after it.
    fn fail(&self, fault: Fault) -> Outcome<'r> {
        match (self.hook, self.target) {
            (Hook::Validate, Target::Pod | Target::Namespace | Target::Ignored) => {
                Outcome::Refuse(fault)
            }
            (Hook::Validate, Target::Template(_) | Target::Unknown) | (Hook::Mutate, _) => {
                Outcome::Pass(fault)
            }
        }
    }
}

/// Why an object is not the one that was asked for.
pub(super) fn unreadable(object: &Object<'_>) -> Fault {
    let why = match object {
        Object::Unreadable(why) | Object::Malformed(why) => why.clone(),
        Object::Absent => "the request has no object".to_owned(),
        Object::Ignored | Object::Pod(_) | Object::Template(_) | Object::Namespace(_) => {
            "the object is not of the request's resource".to_owned()
        }
    };
    Fault::Object { why }
}

/// Whether an update changes what a pod runs: upstream's `isSignificantPodUpdate`. Anything else about an
/// existing pod is allowed unjudged, lest a harmless label update be denied for what the pod always was.
fn is_significant(pod: &Pod<'_>, old: &Pod<'_>) -> bool {
    let differs = |kind: ContainerKind| {
        let (new, old) = (pod.spec.list(kind), old.spec.list(kind));
        new.len() != old.len() || new.iter().zip(old).any(|(new, old)| new.image != old.image)
    };
    let debugs = || {
        // Of two with one name the first counts.
        let known = old.spec.ephemeral_containers.iter().rev();
        let known: HashMap<_, _> = known.map(|old| (&*old.name, &old.image)).collect();
        let mut now = pod.spec.ephemeral_containers.iter();
        now.any(|new| known.get(&*new.name) != Some(&&new.image))
    };
    differs(ContainerKind::Main) || differs(ContainerKind::Init) || debugs()
}
