//! Exceptions: what somebody answers for, for certain workloads, until a certain time.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
    str::FromStr as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    dns,
    pattern::{Pattern, Patterns},
};

use super::{Grant, Refusal, Relaxation, Subject};

/// A relaxation for certain workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// `namespace/name` of the object that says it.
    pub name: String,
    /// What it is for.
    pub matches: Match,
    /// What is allowed.
    pub allow: Relaxation,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// From this moment on it is not there. None: never, which the configuration has to permit.
    pub expires: Option<SystemTime>,
}

/// Which workloads. All that is not empty must fit; of a list, one element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Where they are.
    pub namespaces: Namespaces,
    /// `namespace:name`, or patterns of it.
    pub service_accounts: Patterns,
    /// Images as pods name them: only containers that run one of these are excepted.
    pub images: Patterns,
    /// What made the pod.
    pub owners: BTreeSet<(OwnerKind, String)>,
    /// Labels of the pod, which its author sets: they tell apart, they do not protect.
    pub pod_labels: Vec<(String, String)>,
}

/// Namespaces, by their exact names and by patterns of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    exact: BTreeSet<String>,
    /// With what all that they match begins with.
    patterns: BTreeSet<(String, Pattern)>,
}

impl Namespaces {
    /// Whether a namespace is one of them.
    pub fn contain(&self, name: &str) -> bool {
        self.exact.contains(name) || self.patterns.iter().any(|(_, pattern)| pattern.matches(name))
    }

    /// Adds a name, or a pattern of names.
    ///
    /// # Errors
    /// It cannot be either, or is there already.
    pub fn add(&mut self, text: &str) -> Result<(), Refusal> {
        let is_new = match text.split_once('*') {
            Some(_) if !dns::is_label_pattern(text) => {
                return Err("must be a pattern that some namespace fits".into());
            }
            Some((start, _)) => {
                let pattern: Pattern =
                    Pattern::from_str(text).map_err(|why| Refusal::from(why.to_string()))?;
                self.patterns.insert((start.to_owned(), pattern))
            }
            None if dns::is_label(text) => self.exact.insert(text.to_owned()),
            None => return Err("must be a namespace, or a pattern with \"*\"".into()),
        };
        is_new.then_some(()).ok_or("must not be listed twice".into())
    }
}

/// A kind that makes pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "Kubernetes' own kinds")]
pub enum OwnerKind {
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    ReplicationController,
}

impl OwnerKind {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
        Self::CronJob,
        Self::ReplicationController,
    ];

    /// As objects say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::ReplicationController => "ReplicationController",
        }
    }

    /// The kind of this name.
    pub fn find(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == kind)
    }
}

impl Exception {
    /// What it allows, and to which containers.
    pub fn grant(&self) -> Grant<'_> {
        let images = &self.matches.images;
        Grant { relaxation: &self.allow, images: (!images.is_empty()).then_some(images) }
    }

    /// Whether it is there no more.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }

    /// For how long it still is there. None: for ever, or no more.
    pub fn left(&self, now: SystemTime) -> Option<Duration> {
        let left = self.expires?.duration_since(now).ok()?;
        (!left.is_zero()).then_some(left)
    }
}

impl Match {
    /// Whether a workload of its namespaces is one of those that it is for; `account` is asked for at need.
    fn fits<'c>(&self, subject: &Subject<'_>, account: impl FnOnce() -> &'c str) -> bool {
        let is_owner = |(kind, name): (OwnerKind, &str)| {
            self.owners.iter().any(|(known, of)| *known == kind && of == name)
        };
        // What is cheap to ask, and most often says no, first.
        (self.owners.is_empty() || subject.owners().any(is_owner))
            && self.pod_labels.iter().all(|(key, value)| subject.has_label(key, value))
            && (self.service_accounts.is_empty() || self.service_accounts.matches(account()))
            && (self.images.is_empty() || subject.images().any(|image| self.images.matches(image)))
    }
}

/// The exceptions that cover a workload, by name.
#[derive(Clone, Debug, Default)]
pub struct Covering<'e> {
    /// Those in force.
    pub granted: Vec<&'e Exception>,
    /// Those that would be, had they not expired.
    pub expired: Vec<&'e Exception>,
}

impl<'e> Covering<'e> {
    /// What is allowed.
    pub fn grants(&self) -> Vec<Grant<'e>> {
        self.granted.iter().map(|exception| exception.grant()).collect()
    }
}

/// Which exceptions are honoured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Honoured {
    /// Those of these namespaces. Whoever may write there may excuse anybody.
    pub namespaces: BTreeSet<String>,
    /// Whether they must end.
    pub expiry: Expiry,
}

/// Whether an exception must say when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// One that does not is invalid.
    #[default]
    Required,
    /// One that does not holds for ever.
    Optional,
}

/// All exceptions that are honoured, so kept that those for other namespaces cost nothing.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// By name.
    all: Vec<Arc<Exception>>,
    /// Where those for a namespace stand, by its exact name.
    exact: HashMap<Box<str>, Vec<usize>>,
    /// Where those stand that have a pattern, by what all that it matches begins with. Each pattern is there once.
    patterns: HashMap<Box<str>, Vec<(Pattern, Vec<usize>)>>,
    /// The longest of these beginnings, in bytes.
    longest: usize,
}

impl FromIterator<Exception> for Exceptions {
    fn from_iter<I: IntoIterator<Item = Exception>>(exceptions: I) -> Self {
        exceptions.into_iter().map(Arc::new).collect()
    }
}

impl FromIterator<Arc<Exception>> for Exceptions {
    fn from_iter<I: IntoIterator<Item = Arc<Exception>>>(exceptions: I) -> Self {
        let mut all: Vec<Arc<Exception>> = exceptions.into_iter().collect();
        // So that nothing depends on the order in which they came.
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let mut index = Self { all, ..Self::default() };
        for (place, exception) in index.all.iter().enumerate() {
            let Namespaces { exact, patterns } = &exception.matches.namespaces;
            for name in exact {
                index.exact.entry(name.as_str().into()).or_default().push(place);
            }
            for (start, pattern) in patterns {
                index.longest = index.longest.max(start.len());
                let alike = index.patterns.entry(start.as_str().into()).or_default();
                match alike.iter_mut().find(|(known, _)| known == pattern) {
                    Some((_, places)) => places.push(place),
                    None => alike.push((pattern.clone(), vec![place])),
                }
            }
        }
        index
    }
}

impl Exceptions {
    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = &Exception> {
        self.all.iter().map(|exception| &**exception)
    }

    /// How many there are, expired ones included.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those for a workload, at this time.
    pub fn covering(&self, subject: &Subject<'_>, now: SystemTime) -> Covering<'_> {
        let account = OnceCell::new();
        let account = || account.get_or_init(|| subject.service_account()).as_str();
        let fits = |place: &usize| {
            self.all.get(*place).is_some_and(|exception| exception.matches.fits(subject, account))
        };
        let mut places: Vec<_> = self.places(subject.namespace()).filter(fits).collect();
        // One may list a namespace by its name and by several patterns.
        places.sort_unstable();
        places.dedup();
        let all = places.into_iter().filter_map(|place| self.all.get(place)).map(|one| &**one);
        let (expired, granted) = all.partition(|exception| exception.is_expired(now));
        Covering { granted, expired }
    }

    /// Where those stand of which a namespace is one.
    fn places(&self, namespace: &str) -> impl Iterator<Item = usize> {
        // A pattern is only looked at where the namespace begins as it does.
        let ends = if self.patterns.is_empty() { 0..0 } else { 0..self.longest + 1 };
        let starts = ends.map_while(|end| namespace.get(..end));
        let patterns = starts.filter_map(|start| self.patterns.get(start)).flatten();
        let fitting = patterns.filter(|(pattern, _)| pattern.matches(namespace));
        let by_pattern = fitting.flat_map(|(_, places)| places);
        self.exact.get(namespace).into_iter().flatten().chain(by_pattern).copied()
    }
}

#[cfg(test)]
mod tests;
