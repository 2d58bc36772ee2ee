//! Exceptions: relaxations with an owner, for certain workloads, until an expiry time.

use std::{
    cell::OnceCell,
    collections::BTreeSet,
    str::FromStr as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    dns,
    pattern::{Pattern, Patterns},
    rules::{ImagePatterns, Reference},
};

use super::{Grant, Refusal, Relaxation, Subject, index::Index};

/// A relaxation for certain workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// `namespace/name` of the object that defines it.
    pub name: String,
    /// The workloads that it covers.
    pub matches: Match,
    /// The relaxation.
    pub allow: Relaxation,
    /// The reason.
    pub reason: String,
    /// The person or team responsible.
    pub owner: String,
    /// Expiry time. None for no expiry, which the configuration must permit.
    pub expires: Option<SystemTime>,
}

/// Selects workloads. All fields that are not empty must match; for a list, one element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// The namespaces of the workloads.
    pub namespaces: Namespaces,
    /// `namespace:name`, or patterns of it.
    pub service_accounts: Patterns,
    /// Only containers that run one of these are covered.
    pub images: ImagePatterns,
    /// The controllers of the pods.
    pub owners: BTreeSet<(OwnerKind, String)>,
    /// Labels of the pods. The author of a pod sets them, so they distinguish workloads but do not protect.
    pub pod_labels: Vec<(String, String)>,
}

/// Namespaces, by their exact names and by patterns of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    exact: BTreeSet<String>,
    patterns: BTreeSet<Pattern>,
}

impl Namespaces {
    /// Whether a namespace is one of them.
    pub fn contain(&self, name: &str) -> bool {
        self.exact.contains(name) || self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// The names as written, exact ones first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let exact = self.exact.iter().map(String::as_str);
        exact.chain(self.patterns.iter().map(Pattern::as_str))
    }

    /// Adds a name, or a pattern of names.
    ///
    /// # Errors
    /// An invalid name or pattern, or a duplicate.
    pub fn add(&mut self, text: &str) -> Result<(), Refusal> {
        let is_new = match text.split_once('*') {
            Some(_) if !dns::is_label_pattern(text) => {
                return Err("must be a pattern that some namespace fits".into());
            }
            Some(_) => {
                let pattern: Pattern =
                    Pattern::from_str(text).map_err(|why| Refusal::from(why.to_string()))?;
                self.patterns.insert(pattern)
            }
            None if dns::is_label(text) => self.exact.insert(text.to_owned()),
            None => return Err("must be a namespace, or a pattern with \"*\"".into()),
        };
        is_new.then_some(()).ok_or("must not be listed twice".into())
    }
}

words! {
    /// A kind of controller that creates pods.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[allow(missing_docs, reason = "Kubernetes' own kinds")]
    pub enum OwnerKind {
        Deployment = "Deployment",
        ReplicaSet = "ReplicaSet",
        StatefulSet = "StatefulSet",
        DaemonSet = "DaemonSet",
        Job = "Job",
        CronJob = "CronJob",
        ReplicationController = "ReplicationController",
    }
}

impl Exception {
    /// The relaxation, and the containers that it applies to.
    pub fn grant(&self) -> Grant<'_> {
        let images = &self.matches.images;
        Grant { relaxation: &self.allow, images: (!images.is_empty()).then_some(images) }
    }

    /// Whether it has expired.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }

    /// The time until it expires. None if it never expires or has expired.
    pub fn left(&self, now: SystemTime) -> Option<Duration> {
        let left = self.expires?.duration_since(now).ok()?;
        (!left.is_zero()).then_some(left)
    }
}

impl Match {
    /// Whether it covers a workload.
    fn fits(&self, facts: &Facts<'_>) -> bool {
        let subject = &facts.subject;
        let is_owner = |(kind, name): (OwnerKind, &str)| {
            self.owners.iter().any(|(known, of)| *known == kind && of == name)
        };
        let is_image = |image: &Reference<'_>| self.images.match_image(image);
        // Cheap checks that usually fail come first.
        self.namespaces.contain(subject.namespace())
            && (self.owners.is_empty() || subject.owners().any(is_owner))
            && self.pod_labels.iter().all(|(key, value)| subject.has_label(key, value))
            && (self.service_accounts.is_empty() || self.service_accounts.matches(facts.account()))
            && (self.images.is_empty() || facts.images().iter().any(is_image))
    }
}

/// A workload, with derived facts that are computed on first use.
pub(super) struct Facts<'s> {
    pub(super) subject: Subject<'s>,
    account: OnceCell<String>,
    images: OnceCell<Vec<Reference<'s>>>,
}

impl<'s> Facts<'s> {
    fn new(subject: Subject<'s>) -> Self {
        Self { subject, account: OnceCell::new(), images: OnceCell::new() }
    }

    /// `namespace:name`.
    pub(super) fn account(&self) -> &str {
        self.account.get_or_init(|| self.subject.service_account())
    }

    /// The images of its containers that are valid references.
    pub(super) fn images(&self) -> &[Reference<'s>] {
        self.images.get_or_init(|| self.subject.images().collect())
    }
}

/// The exceptions that cover a workload, by name.
#[derive(Clone, Debug, Default)]
pub struct Covering<'e> {
    /// Those that have not expired.
    pub granted: Vec<&'e Exception>,
    /// Those that have expired and would cover it otherwise.
    pub expired: Vec<&'e Exception>,
}

impl<'e> Covering<'e> {
    /// The relaxations.
    pub fn grants(&self) -> Vec<Grant<'e>> {
        self.granted.iter().map(|exception| exception.grant()).collect()
    }
}

/// The exceptions that apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionSettings {
    /// Exceptions in these namespaces apply. Anyone who can create exceptions there can exempt any workload.
    pub namespaces: BTreeSet<String>,
    /// Whether exceptions must expire.
    pub expiry: Expiry,
}

/// Whether an exception must set an expiry time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Without one, it is invalid.
    #[default]
    Required,
    /// Without one, it never expires.
    Optional,
}

/// All exceptions in force, indexed so that exceptions for other workloads cost nothing.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// Sorted by name.
    all: Vec<Arc<Exception>>,
    index: Index,
}

impl FromIterator<Exception> for Exceptions {
    fn from_iter<I: IntoIterator<Item = Exception>>(exceptions: I) -> Self {
        exceptions.into_iter().map(Arc::new).collect()
    }
}

impl FromIterator<Arc<Exception>> for Exceptions {
    fn from_iter<I: IntoIterator<Item = Arc<Exception>>>(exceptions: I) -> Self {
        let mut all: Vec<Arc<Exception>> = exceptions.into_iter().collect();
        // Sorted, so that nothing depends on their original order.
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let index = Index::new(all.iter().map(|exception| &**exception));
        Self { all, index }
    }
}

impl Exceptions {
    /// All exceptions, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Exception> {
        self.all.iter().map(|exception| &**exception)
    }

    /// The number of exceptions, including expired ones.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are no exceptions.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The exceptions that cover a workload at this time.
    pub fn covering(&self, subject: &Subject<'_>, now: SystemTime) -> Covering<'_> {
        let facts = Facts::new(*subject);
        let candidates = self.index.candidates(&facts).into_iter();
        let candidates = candidates.filter_map(|number| self.all.get(number)).map(|one| &**one);
        let fitting = candidates.filter(|exception| exception.matches.fits(&facts));
        let (expired, granted) = fitting.partition(|exception| exception.is_expired(now));
        Covering { granted, expired }
    }

    /// How many exceptions are checked for a workload. For tests, which count steps instead of measuring time.
    #[cfg(test)]
    fn asked(&self, subject: &Subject<'_>) -> usize {
        self.index.candidates(&Facts::new(*subject)).len()
    }
}

#[cfg(test)]
mod tests;
