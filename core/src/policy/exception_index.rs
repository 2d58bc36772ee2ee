//! Which exceptions could fit a workload, without looking at the others.
//!
//! Each exception is listed under one of its selectors only, the one that the fewest others share: an image that nobody
//! else names, or else its namespace. So 10,000 exceptions of one namespace, or for one image, cost a pod no more than
//! those that could be for it.

use std::collections::HashMap;

use crate::{
    pattern::{Pattern, PatternMap},
    rules::{ImageMap, ImagePattern},
};

use super::{Exception, OwnerKind, exception::Facts};

/// Numbers of exceptions by what they select.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    namespaces: PatternMap,
    accounts: PatternMap,
    images: ImageMap,
    owners: HashMap<(OwnerKind, Box<str>), Vec<usize>>,
    labels: HashMap<(Box<str>, Box<str>), Vec<usize>>,
}

/// One thing that an exception selects by. All of a list are of the same kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'e> {
    Namespace(&'e str),
    Account(&'e str),
    Image(&'e ImagePattern),
    Owner(OwnerKind, &'e str),
    Label(&'e str, &'e str),
}

impl Index {
    pub(super) fn new<'e>(exceptions: impl Iterator<Item = &'e Exception> + Clone) -> Self {
        let mut counts: HashMap<Key<'_>, usize> = HashMap::new();
        for key in exceptions.clone().flat_map(selectors).flatten() {
            *counts.entry(key).or_default() += 1;
        }
        let shared =
            |keys: &Vec<Key<'_>>| -> usize { keys.iter().filter_map(|key| counts.get(key)).sum() };
        let (mut namespaces, mut accounts, mut images) = (Vec::new(), Vec::new(), Vec::new());
        let mut index = Self::default();
        for (number, exception) in exceptions.enumerate() {
            let rarest = selectors(exception).into_iter().filter(|keys| !keys.is_empty());
            for key in rarest.min_by_key(shared).into_iter().flatten() {
                match key {
                    Key::Namespace(text) => {
                        namespaces.push((Pattern::joined(text.to_owned()), number));
                    }
                    Key::Account(text) => accounts.push((Pattern::joined(text.to_owned()), number)),
                    Key::Image(image) => images.push((image, number)),
                    Key::Owner(kind, name) => {
                        index.owners.entry((kind, name.into())).or_default().push(number);
                    }
                    Key::Label(key, value) => {
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

    /// The numbers of those that could fit, in their order, each once.
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
        // One may list a namespace by its name and by several patterns.
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// What an exception selects by, each list sufficient to find it: of all labels, which must all be there, each alone.
fn selectors(exception: &Exception) -> Vec<Vec<Key<'_>>> {
    let matches = &exception.matches;
    let owners = matches.owners.iter().map(|(kind, name)| Key::Owner(*kind, name));
    let mut lists = vec![
        matches.namespaces.iter().map(Key::Namespace).collect(),
        owners.collect(),
        matches.service_accounts.iter().map(Key::Account).collect(),
        matches.images.iter().map(Key::Image).collect(),
    ];
    lists.extend(matches.pod_labels.iter().map(|(key, value)| vec![Key::Label(key, value)]));
    lists
}
