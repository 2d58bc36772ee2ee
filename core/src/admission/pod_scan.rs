//! The pods of a namespace, held against its new policy as they are listed: page after page, each judged and dropped.
//!
//! Between two pages it keeps counts, the controllers that it has seen and what pods break. None of that grows with
//! the size of a pod, and all of it ends with [`MAX_PODS`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    marker::PhantomData,
};

use crate::{
    json,
    policy::{Context, EffectivePolicy, Form, PodCase, Subject},
    pss::{Levels, Pod},
    rules::Mode,
};

/// The most existing pods that an update of labels judges, as upstream.
const MAX_PODS: usize = 3000;
/// The most groups of pods that are told apart. An answer has room for fewer.
const MAX_GROUPS: usize = 64;
/// Of a controller's uid, the characters that are kept. Kubernetes' own have 36.
const MAX_UID: usize = 64;
/// Of a pod's name, the characters that are kept. No name has more.
const MAX_NAME: usize = 253;

/// What was found among the pods that run already.
#[derive(Debug)]
pub struct Scan {
    /// The new enforced levels.
    pub enforce: Levels,
    /// How many pods were judged.
    pub checked: usize,
    /// How many there are. None if that is not known, and some were not listed.
    pub total: Option<usize>,
    /// Pods that break the same controls, in the order of their first names.
    pub groups: Vec<Group>,
    /// Pods that break something and belong to none of the groups, since there were too many.
    pub ungrouped: usize,
    /// Why the pods could not be had, if so.
    pub failure: Option<String>,
}

/// Pods that break the same controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The first of their names.
    pub pod: String,
    /// How many.
    pub count: usize,
    /// The controls' reasons.
    pub reasons: String,
}

/// How many pods were not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// So many.
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
    /// The first name and the number of pods, by what they break.
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

    /// Whose pods.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether more pods would be judged.
    pub fn has_room(&self) -> bool {
        self.checked < MAX_PODS
    }

    /// Judges the pods of a page, each given as its JSON, until time is up; `to_come` is how many pods the following
    /// pages have.
    ///
    /// Replicas are alike: the second of a controller tells less than the first of another. So within a page the
    /// first of each controller comes first, as it does upstream among all pods, and other replicas are judged only
    /// as far as all pods that are still to come could be judged, too. They are read a second time for that: none is
    /// kept.
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
            // What is no pod is not checked, which the counts say.
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

    /// What was found, where so many pods were not listed.
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

    /// The same where no pod could be had.
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
        // The API server says who made a pod that runs, and this denies nothing.
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

/// The API server is trusted, but it hands on what tenants wrote.
fn read(text: &str) -> Option<Pod<'_>> {
    json::from_untrusted(text, PhantomData).ok()
}
