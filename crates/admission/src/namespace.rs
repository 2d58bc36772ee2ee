//! Reviews of a namespace's labels, with warnings about pods that violate a stricter policy. Pods never cause a denial.

use policy::{
    namespace::EffectivePolicy,
    pss::Levels,
    verdict::Context,
    workloads::{NamespaceObject, Object},
};

use super::{
    pod_scan::{PodScan, Scan},
    request::{Operation, Request},
    review::{Outcome, Review, ReviewError, unreadable},
};

/// What the author of a namespace is warned about.
#[derive(Debug)]
pub enum NamespaceReview {
    /// The configuration exempts the namespace, so its labels do nothing.
    ExemptButLabelled {
        /// The labelled modes and their levels.
        ignored: Vec<(&'static str, Levels)>,
    },
    /// The labels ask for less than the floor.
    BelowFloor {
        /// The level of the labels.
        asked: Levels,
        /// The enforced level.
        enforced: Levels,
    },
    /// Existing pods were judged by the new enforced level.
    Scanned(Scan),
}

/// Upstream's `ValidateNamespace`.
pub(super) fn review<'r>(request: &'r Request<'r>, context: Context<'r>) -> Review<'r> {
    let new = match &request.object {
        Object::Namespace(namespace) => namespace,
        other => return Review::Decided(Outcome::Refuse(unreadable(other))),
    };
    let is_exempt = context.exempt_namespace(&request.namespace).is_some();
    let read = |namespace: &NamespaceObject| context.policy(&request.namespace, &namespace.labels);
    let policy = read(new);
    let invalid = policy.invalid_labels(&new.labels);
    match request.operation {
        Operation::Create if !invalid.is_empty() => {
            Review::Decided(Outcome::Refuse(ReviewError::Labels(invalid)))
        }
        Operation::Create if is_exempt => Review::Decided(exempt(new, &policy, context)),
        Operation::Update => {
            let old = match &request.old_object {
                Object::Namespace(namespace) => namespace,
                other => return Review::Decided(Outcome::Refuse(unreadable(other))),
            };
            let old_policy = read(old);
            // A label that was already invalid must not block other changes.
            if !invalid.is_empty() && invalid != old_policy.invalid_labels(&old.labels) {
                return Review::Decided(Outcome::Refuse(ReviewError::Labels(invalid)));
            }
            match () {
                () if !is_stricter(&old_policy, &policy) => Review::Decided(lenient(&policy)),
                () if is_exempt => Review::Decided(exempt(new, &policy, context)),
                () => {
                    let namespace = request.namespace.to_string();
                    Review::AwaitsPods(AwaitsPods { namespace, policy })
                }
            }
        }
        Operation::Create => Review::Decided(lenient(&policy)),
        Operation::Delete | Operation::Connect | Operation::Unknown => {
            Review::Decided(Outcome::Ignore)
        }
    }
}

/// No pods need to be judged. Reports a label below the floor.
fn lenient(policy: &EffectivePolicy) -> Outcome<'static> {
    match policy.labelled_below_floor() {
        Some(asked) => {
            let (asked, enforced) = (*asked, policy.modes.enforce);
            Outcome::Namespace(NamespaceReview::BelowFloor { asked, enforced })
        }
        None => Outcome::Ignore,
    }
}

/// Whether pods that complied before may violate the new policy: upstream's rule, for each level.
fn is_stricter(before: &EffectivePolicy, after: &EffectivePolicy) -> bool {
    !before.modes.enforce.include_all(&after.modes.enforce) || before.profile != after.profile
}

/// Warns about labels without effect in an exempt namespace.
fn exempt(
    namespace: &NamespaceObject,
    policy: &EffectivePolicy,
    context: Context<'_>,
) -> Outcome<'static> {
    let modes = policy.modes;
    if modes.is_fully_privileged() || modes.is_equivalent(&context.config.defaults.into()) {
        return Outcome::Ignore;
    }
    let is_labelled = |mode: &str| {
        let names_mode = |name: &str| name.strip_suffix("-version").unwrap_or(name) == mode;
        namespace
            .labels
            .keys()
            .filter_map(|key| key.split_once('/'))
            .any(|(_, name)| names_mode(name))
    };
    let ignored = [("enforce", modes.enforce), ("audit", modes.audit), ("warn", modes.warn)]
        .into_iter()
        .filter(|(mode, levels)| levels.forbid_anything() && is_labelled(mode))
        .collect();
    Outcome::Namespace(NamespaceReview::ExemptButLabelled { ignored })
}

/// A review of a namespace that waits for its pods.
#[derive(Debug)]
pub struct AwaitsPods {
    namespace: String,
    policy: EffectivePolicy,
}

impl AwaitsPods {
    /// Starts judging its pods. In a request for a namespace, `namespace` is its name.
    pub fn scan(&self) -> PodScan {
        PodScan::new(self.namespace.clone(), self.policy.clone())
    }

    /// Decides by the result of the scan.
    pub fn with(self, scan: Scan) -> Outcome<'static> {
        Outcome::Namespace(NamespaceReview::Scanned(scan))
    }
}
