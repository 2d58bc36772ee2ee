//! Judges the pods of a namespace by its new policy while they are listed: page after page, each pod judged and
//! dropped.
//!
//! Between two pages it keeps counts, the seen controllers and the violated controls. None of that grows with the size
//! of pods, and [`MAX_PODS`] limits it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    marker::PhantomData,
};

use policy::{
    exceptions::Subject,
    json,
    namespace::EffectivePolicy,
    pss::{Levels, Pod},
    rules::Mode,
    verdict::{Context, Form, PodCase},
};

/// Maximum number of existing pods that a label update judges, as in upstream.
const MAX_PODS: usize = 3000;
/// Maximum number of groups of pods. A response has room for fewer.
const MAX_GROUPS: usize = 64;
/// How many characters of a controller's uid are kept. Those of Kubernetes have 36.
const MAX_UID: usize = 64;
/// How many characters of a pod's name are kept: the maximum length of a name.
const MAX_NAME: usize = 253;

/// The results for the existing pods.
#[derive(Debug)]
pub struct Scan {
    /// The new enforced levels.
    pub enforce: Levels,
    /// The number of judged pods.
    pub checked: usize,
    /// The total number of pods. None if it is unknown and some were not listed.
    pub total: Option<usize>,
    /// Pods that violate the same controls, sorted by their first names.
    pub groups: Vec<Group>,
    /// Violating pods beyond the maximum number of groups.
    pub ungrouped: usize,
    /// Why the pods could not be listed, if so.
    pub failure: Option<String>,
}

/// Pods that violate the same controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The first of their names.
    pub pod: String,
    /// The number of pods.
    pub count: usize,
    /// The controls' reasons.
    pub reasons: String,
}

/// The number of pods that were not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// This many.
    Known(usize),
    /// Some, and the API server did not say how many.
    Unknown,
}

/// The state of a scan between two pages.
#[derive(Debug)]
pub struct PodScan {
    namespace: String,
    policy: EffectivePolicy,
    listed: usize,
    checked: usize,
    controllers: HashSet<String>,
    /// The first name and the number of pods, by violated controls.
    groups: BTreeMap<Vec<&'static str>, (String, usize)>,
    ungrouped: usize,
}

impl PodScan {
    pub(super) fn new(namespace: String, policy: EffectivePolicy) -> Self {
        Self {
            namespace,
            policy,
            listed: 0,
            checked: 0,
            controllers: HashSet::new(),
            groups: BTreeMap::new(),
            ungrouped: 0,
        }
    }

    /// The namespace of the pods.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether more pods can be judged.
    pub fn has_room(&self) -> bool {
        self.checked < MAX_PODS
    }

    /// Judges the pods of a page, each given as JSON, until time is up. `to_come` is the number of pods on the
    /// following pages.
    ///
    /// Replicas are alike: a second pod of a controller is less informative than the first of another. So the first pod
    /// of each controller on a page is judged first, as upstream does among all pods. Other replicas are judged only if
    /// all pods still to come can be judged, too. They are parsed a second time for that, because none is kept.
    pub fn page(
        &mut self,
        pods: &[&str],
        to_come: usize,
        context: Context<'_>,
        mut is_time_up: impl FnMut() -> bool,
    ) {
        self.listed += pods.len();
        let mut replicas = Vec::new();
        for text in pods {
            // Other values are not counted as checked.
            let Some(pod) = read(text) else { continue };
            if context.exempt_pod(&self.namespace, &pod).is_some() {
                self.listed -= 1;
            } else if self.is_replica(&pod) {
                replicas.push(text);
            } else {
                self.judge(&pod, context);
                if !self.has_room() || is_time_up() {
                    return;
                }
            }
        }
        for text in replicas {
            if MAX_PODS - self.checked <= to_come {
                return;
            }
            let Some(pod) = read(text) else { continue };
            self.judge(&pod, context);
            if !self.has_room() || is_time_up() {
                return;
            }
        }
    }

    /// The results, if this many pods were not listed.
    pub fn finish(self, unlisted: Unlisted) -> Scan {
        let mut groups: Vec<_> = self
            .groups
            .into_iter()
            .map(|(reasons, (pod, count))| Group { pod, count, reasons: reasons.join(", ") })
            .collect();
        groups.sort_by(|a, b| a.pod.cmp(&b.pod));
        Scan {
            enforce: self.policy.modes.enforce,
            checked: self.checked,
            total: match unlisted {
                Unlisted::Known(count) => Some(self.listed.saturating_add(count)),
                Unlisted::Unknown => None,
            },
            groups,
            ungrouped: self.ungrouped,
            failure: None,
        }
    }

    /// The results if no pods could be listed.
    pub fn fail(self, why: String) -> Scan {
        Scan { failure: Some(why), ..self.finish(Unlisted::Unknown) }
    }

    fn is_replica(&mut self, pod: &Pod<'_>) -> bool {
        pod.metadata.controller().is_some_and(|owner| {
            let uid = owner.uid.chars().take(MAX_UID).collect();
            !self.controllers.insert(uid)
        })
    }

    fn judge(&mut self, pod: &Pod<'_>, context: Context<'_>) {
        self.checked += 1;
        // For a running pod the API server has set the owner, and the result denies nothing.
        let subject = Subject::as_it_says(pod, &self.namespace);
        let case = PodCase::new(&subject, Cow::Borrowed(&self.policy), context);
        let violations = case.map(|case| case.broken(Form::Written, Mode::Enforce));
        let violations = violations.unwrap_or_default();
        if violations.is_empty() {
            return;
        }
        let reasons = violations.iter().map(|violation| violation.requirement.reason()).collect();
        let name = || pod.metadata.name.chars().take(MAX_NAME).collect::<String>();
        if let Some((first, count)) = self.groups.get_mut(&reasons) {
            *count += 1;
            if pod.metadata.name.as_str() < first.as_str() {
                *first = name();
            }
        } else if self.groups.len() < MAX_GROUPS {
            self.groups.insert(reasons, (name(), 1));
        } else {
            self.ungrouped += 1;
        }
    }
}

/// The API server is trusted, but returns what tenants wrote.
fn read(text: &str) -> Option<Pod<'_>> {
    json::from_untrusted(text, PhantomData).ok()
}
