//! Finds the exceptions that may match a workload, without looking at the others.
//!
//! Each exception is listed under only one of its selectors, the one that the fewest others share: an image that no
//! other exception names, or else its namespace. So even with 10,000 exceptions for one namespace or one image, a pod
//! only pays for those that may match it.

use std::collections::HashMap;

use crate::{
    pattern::{Pattern, PatternMap},
    rules::{ImageMap, ImagePattern},
};

use super::{Exception, OwnerKind, exception::Facts};

/// Indices of exceptions by selector.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    namespaces: PatternMap,
    accounts: PatternMap,
    images: ImageMap,
    owners: HashMap<(OwnerKind, Box<str>), Vec<usize>>,
    labels: HashMap<(Box<str>, Box<str>), Vec<usize>>,
}

/// One value of a selector. All values in a list have the same kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum SelectorKey<'e> {
    Namespace(&'e str),
    Account(&'e str),
    Image(&'e ImagePattern),
    Owner(OwnerKind, &'e str),
    Label(&'e str, &'e str),
}

impl Index {
    pub(super) fn new<'e>(exceptions: impl Iterator<Item = &'e Exception> + Clone) -> Self {
        let mut counts: HashMap<SelectorKey<'_>, usize> = HashMap::new();
        for key in exceptions.clone().flat_map(selectors).flatten() {
            *counts.entry(key).or_default() += 1;
        }
        let shared = |keys: &Vec<SelectorKey<'_>>| -> usize {
            keys.iter().filter_map(|key| counts.get(key)).sum()
        };
        let (mut namespaces, mut accounts, mut images) = (Vec::new(), Vec::new(), Vec::new());
        let mut index = Self::default();
        for (number, exception) in exceptions.enumerate() {
            let rarest = selectors(exception).into_iter().filter(|keys| !keys.is_empty());
            for key in rarest.min_by_key(shared).into_iter().flatten() {
                match key {
                    SelectorKey::Namespace(text) => {
                        namespaces.push((Pattern::joined(text.to_owned()), number));
                    }
                    SelectorKey::Account(text) => {
                        accounts.push((Pattern::joined(text.to_owned()), number))
                    }
                    SelectorKey::Image(image) => images.push((image, number)),
                    SelectorKey::Owner(kind, name) => {
                        index.owners.entry((kind, name.into())).or_default().push(number);
                    }
                    SelectorKey::Label(key, value) => {
                        index.labels.entry((key.into(), value.into())).or_default().push(number);
                    }
                }
            }
        }
        index.namespaces = namespaces.into_iter().collect();
        index.accounts = accounts.into_iter().collect();
        index.images = images.into_iter().collect();
        index
    }

    /// The indices of those that may match, sorted and without duplicates.
    pub(super) fn candidates(&self, facts: &Facts<'_>) -> Vec<usize> {
        let mut numbers = self.namespaces.get(facts.subject.namespace());
        if !self.accounts.is_empty() {
            numbers.extend(self.accounts.get(facts.account()));
        }
        if !self.images.is_empty() {
            let images = facts.images().iter();
            numbers.extend(images.flat_map(|image| self.images.candidates(image)));
        }
        if !self.owners.is_empty() {
            let owners = facts.subject.owners().map(|(kind, name)| (kind, name.into()));
            numbers.extend(owners.filter_map(|owner| self.owners.get(&owner)).flatten());
        }
        if !self.labels.is_empty() {
            let labels = facts.subject.labels().map(|(key, value)| (key.into(), value.into()));
            numbers.extend(labels.filter_map(|label| self.labels.get(&label)).flatten());
        }
        // An exception may match a namespace by its name and by several patterns.
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// The selectors of an exception. Each list is sufficient to find it; of labels, which must all match, each one alone.
fn selectors(exception: &Exception) -> Vec<Vec<SelectorKey<'_>>> {
    let matches = &exception.matches;
    let owners = matches.owners.iter().map(|(kind, name)| SelectorKey::Owner(*kind, name));
    let mut lists = vec![
        matches.namespaces.iter().map(SelectorKey::Namespace).collect(),
        owners.collect(),
        matches.service_accounts.iter().map(SelectorKey::Account).collect(),
        matches.images.iter().map(SelectorKey::Image).collect(),
    ];
    lists
        .extend(matches.pod_labels.iter().map(|(key, value)| vec![SelectorKey::Label(key, value)]));
    lists
}
