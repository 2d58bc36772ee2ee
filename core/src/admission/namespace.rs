//! A namespace's labels, and the pods that a stricter policy finds in it. Never denied because of pods.

use std::{collections::BTreeMap, collections::HashSet};

use serde::Deserialize;

use crate::{
    harden,
    policy::{NamespacePolicy, Violation},
    pss::{InvalidLabel, Levels, List, Pod},
};

use super::{
    object::{Namespace, Object},
    request::{Operation, Request},
    review::{Context, Fault, Outcome, Review, unreadable},
};

/// The most existing pods that an update of labels judges, as upstream.
const MAX_PODS: usize = 3000;

/// What a namespace's author is told.
#[derive(Debug)]
pub enum NamespaceReview {
    /// The configuration exempts the namespace, so its labels do nothing.
    ExemptButLabelled {
        /// The labelled modes and what they ask for.
        ignored: Vec<(&'static str, Levels)>,
    },
    /// What the labels ask for is less than the configuration lets them.
    BelowFloor {
        /// What they ask for.
        asked: Levels,
        /// What is enforced.
        enforced: Levels,
    },
    /// Pods that run already were held against the new enforced level.
    Scanned(Scan),
}

/// What was found among the pods that run already.
#[derive(Debug)]
pub struct Scan {
    /// The new enforced levels.
    pub enforce: Levels,
    /// How many pods were judged.
    pub checked: usize,
    /// How many there are.
    pub total: usize,
    /// Pods that break the same controls.
    pub groups: Vec<Group>,
    /// Why the pods could not be had, if so.
    pub failure: Option<String>,
}

/// Pods that break the same controls.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// The first of their names.
    pub pod: String,
    /// How many.
    pub count: usize,
    /// The controls' reasons.
    pub reasons: String,
}

/// A page of `GET /api/v1/namespaces/NAME/pods`, narrowed.
#[derive(Debug, Default, Deserialize)]
pub struct PodList<'a> {
    /// The pods.
    #[serde(borrow, default)]
    pub items: List<Pod<'a>>,
}

impl<'a> PodList<'a> {
    /// The pods.
    pub fn into_items(self) -> Vec<Pod<'a>> {
        self.items.into()
    }
}

/// Upstream's `ValidateNamespace`.
pub(super) fn review<'r>(request: &'r Request<'r>, context: Context<'r>) -> Review<'r> {
    let new = match &request.object {
        Object::Namespace(namespace) => namespace,
        other => return Review::Decided(Outcome::Refuse(unreadable(other))),
    };
    let is_exempt = context.config.exemptions.namespace(&request.namespace);
    let read = |namespace: &Namespace| {
        let (name, config) = (&request.namespace, context.config);
        NamespacePolicy::of(name, &namespace.labels, &config.defaults, &config.policies)
    };
    let policy = read(new);
    let invalid = invalid_labels(&policy, new);
    match request.operation {
        Operation::Create if !invalid.is_empty() => {
            Review::Decided(Outcome::Refuse(Fault::Labels(invalid)))
        }
        Operation::Create if is_exempt => Review::Decided(exempt(new, &policy, context)),
        Operation::Update => {
            let old = match &request.old_object {
                Object::Namespace(namespace) => namespace,
                other => return Review::Decided(Outcome::Refuse(unreadable(other))),
            };
            let old_policy = read(old);
            // What was invalid before must not stand in the way of any other change.
            if !invalid.is_empty() && invalid != invalid_labels(&old_policy, old) {
                return Review::Decided(Outcome::Refuse(Fault::Labels(invalid)));
            }
            match () {
                () if !is_stricter(&old_policy, &policy) => Review::Decided(lenient(&policy)),
                () if is_exempt => Review::Decided(exempt(new, &policy, context)),
                () => Review::AwaitsPods(AwaitsPods { request, context, policy }),
            }
        }
        Operation::Create => Review::Decided(lenient(&policy)),
        Operation::Delete | Operation::Connect | Operation::Unknown => {
            Review::Decided(Outcome::Ignore)
        }
    }
}

/// Nothing is to be looked at, but that the floor holds is said.
fn lenient(policy: &NamespacePolicy) -> Outcome<'static> {
    match policy.below_floor {
        Some(asked) => {
            let enforced = policy.policy.enforce;
            Outcome::Namespace(NamespaceReview::BelowFloor { asked, enforced })
        }
        None => Outcome::Ignore,
    }
}

fn invalid_labels(policy: &NamespacePolicy, namespace: &Namespace) -> Vec<InvalidLabel> {
    let mode = harden::invalid_label(&namespace.labels);
    policy.invalid.iter().cloned().chain(mode).collect()
}

/// Whether pods that were fine before may break what is enforced now: upstream's rule, for each of the levels.
fn is_stricter(before: &NamespacePolicy, after: &NamespacePolicy) -> bool {
    !before.policy.enforce.include_all(&after.policy.enforce) || before.profile != after.profile
}

/// Tells of labels that do nothing because the namespace is exempt.
fn exempt(
    namespace: &Namespace,
    policy: &NamespacePolicy,
    context: Context<'_>,
) -> Outcome<'static> {
    let modes = policy.policy;
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
pub struct AwaitsPods<'r> {
    request: &'r Request<'r>,
    context: Context<'r>,
    policy: NamespacePolicy,
}

impl AwaitsPods<'_> {
    /// Whose pods. A namespace's request has its name in `namespace`, too.
    pub fn namespace(&self) -> &str {
        &self.request.namespace
    }

    /// Judges the pods until time is up, one of each controller first. `total` counts those that were not
    /// even fetched.
    pub fn with(
        self,
        pods: Result<(Vec<Pod<'_>>, usize), String>,
        mut is_time_up: impl FnMut() -> bool,
    ) -> Outcome<'static> {
        let mut scan = Scan {
            enforce: self.policy.policy.enforce,
            checked: 0,
            total: 0,
            groups: Vec::new(),
            failure: None,
        };
        let (pods, unfetched) = match pods {
            Ok(pods) => pods,
            Err(failure) => {
                scan.failure = Some(failure);
                return Outcome::Namespace(NamespaceReview::Scanned(scan));
            }
        };
        let exemptions = &self.context.config.exemptions;
        let mut pods: Vec<_> = pods
            .iter()
            .filter(|pod| !exemptions.runtime_class(&pod.spec.runtime_class_name))
            .collect();
        one_of_each_controller_first(&mut pods);
        scan.total = pods.len() + unfetched;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for pod in pods.into_iter().take(MAX_PODS) {
            scan.checked += 1;
            let violations = self.violations(pod);
            if !violations.is_empty() {
                let reasons: Vec<_> =
                    violations.iter().map(|violation| violation.requirement.reason()).collect();
                let reasons = reasons.join(", ");
                let name = pod.metadata.name.as_str();
                let group = groups.entry(reasons.clone()).or_insert_with(|| Group {
                    pod: name.to_owned(),
                    count: 0,
                    reasons,
                });
                group.count += 1;
                if name < group.pod.as_str() {
                    name.clone_into(&mut group.pod);
                }
            }
            if is_time_up() {
                break;
            }
        }
        scan.groups = groups.into_values().collect();
        scan.groups.sort_by(|a, b| a.pod.cmp(&b.pod));
        Outcome::Namespace(NamespaceReview::Scanned(scan))
    }
}

impl AwaitsPods<'_> {
    fn violations(&self, pod: &Pod<'_>) -> Vec<Violation> {
        let covering = self.context.excepted.of_running(self.namespace(), pod);
        let pod = self.policy.relax(pod, &covering.grants());
        self.policy.enforced(self.context.newest, &pod)
    }
}

/// Replicas are alike: the second of a controller tells less than the first of another.
fn one_of_each_controller_first(pods: &mut Vec<&Pod<'_>>) {
    let mut seen = HashSet::new();
    let is_replica = |pod: &Pod<'_>| {
        pod.metadata.controller().is_some_and(|owner| !seen.insert(owner.uid.to_string()))
    };
    let mut is_replica = is_replica;
    let (replicas, first): (Vec<_>, Vec<_>) = pods.drain(..).partition(|pod| is_replica(pod));
    pods.extend(first);
    pods.extend(replicas);
}
