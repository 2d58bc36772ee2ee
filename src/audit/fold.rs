//! Folds the objects of one namespace: assigns each pod to its topmost controller. Pure: values in, values out.
//!
//! Follows `ownerReferences` with `controller: true`, from a pod to its ReplicaSet or Job and beyond. A Deployment,
//! StatefulSet, DaemonSet, CronJob or ReplicationController is the top, even if it has an owner, because it contains
//! the template that people edit. An owner of an unknown kind is also the top, by name only. A deleted owner is
//! ignored.

use std::collections::{BTreeMap, HashMap};

use policy::findings::{
    AuditScope, Audited, Identity, Lint, NamespaceFacts, NamespaceObjects, Unread, Workload,
};

use super::{
    judge::{Entry, EntryContent, Owner, identity},
    resource::ListedKind,
    worse::merge,
};

/// Deeper than any real chain of owners; forged references may be circular.
const MAX_OWNERS: usize = 4;

/// A namespace while its objects arrive.
pub(super) struct Fold<'g> {
    facts: &'g NamespaceFacts,
    /// All kinds that are listed.
    kinds: &'g [ListedKind],
    /// Kinds that are listed incompletely: a missing object of these may still exist.
    partial: Vec<ListedKind>,
    /// ReplicaSets and Jobs with their controllers.
    links: HashMap<(String, String), Link>,
    workloads: BTreeMap<Key, Merged>,
    breaking: Vec<Identity>,
    lints: Vec<Lint>,
    unread: Vec<Unread>,
}

struct Link {
    uid: String,
    owner: Option<Owner>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: String,
    name: String,
    api_version: String,
}

#[derive(Default)]
struct Merged {
    uid: String,
    judged: Option<Workload>,
    pods: u64,
}

/// The end of a chain of owners.
enum Top {
    /// An object that was listed, or is known by its name.
    Known(Key, String),
    /// None: the owner has been deleted.
    Gone,
}

impl<'g> Fold<'g> {
    pub(super) fn new(facts: &'g NamespaceFacts, kinds: &'g [ListedKind]) -> Self {
        Self {
            facts,
            kinds,
            partial: Vec::new(),
            links: HashMap::new(),
            workloads: BTreeMap::new(),
            breaking: Vec::new(),
            lints: Vec::new(),
            unread: Vec::new(),
        }
    }

    pub(super) fn mark_incomplete(&mut self, resource: &ListedKind) {
        self.partial.push(resource.clone());
    }

    /// Adds an object. Owners must come before the objects that they own, as in [`ListedKind::all`].
    pub(super) fn add(&mut self, resource: &ListedKind, mut entry: Entry) {
        self.lints.append(&mut entry.lints);
        let is_link = resource.is_link();
        if is_link {
            let link = Link { uid: entry.uid.clone(), owner: entry.owner.clone() };
            self.links.insert((resource.plural.clone(), entry.name.clone()), link);
        }
        let judged = match entry.content {
            EntryContent::Judged(judged) => Some(*judged),
            EntryContent::Nothing => return,
            EntryContent::Unreadable(why) => {
                let identity = identity(self.facts, resource, &entry.name);
                self.unread.push(Unread { what: identity.to_string(), why });
                None
            }
        };
        let is_pod = resource.is_pod();
        if entry.is_breaking {
            self.breaking.push(identity(self.facts, resource, &entry.name));
        }
        let top = match &entry.owner {
            Some(owner) if is_link || is_pod => self.top(owner, MAX_OWNERS),
            Some(_) | None => Top::Gone,
        };
        let (key, uid) = match top {
            // The owner's template already covers what it will create.
            Top::Known(key, _) if is_link && self.kind(&key).is_some() => return,
            Top::Known(key, uid) => (key, uid),
            Top::Gone => (Key::of(resource, entry.name), entry.uid),
        };
        let root = self.kind(&key).filter(|_| is_pod).and_then(ListedKind::root);
        let merged = self.workloads.entry(key).or_default();
        merged.uid = uid;
        merged.pods += u64::from(is_pod);
        if let Some(judged) = judged {
            merged.add(below(judged, root));
        }
    }

    fn top(&self, owner: &Owner, depth: usize) -> Top {
        let by_name = |api_version: &str| {
            let key = Key {
                kind: owner.kind.clone(),
                name: owner.name.clone(),
                api_version: api_version.to_owned(),
            };
            Top::Known(key, owner.uid.clone())
        };
        let is_it = |kind: &&ListedKind| kind.is(&owner.api_version, &owner.kind);
        let Some(resource) = self.kinds.iter().find(is_it) else {
            return by_name(&owner.api_version);
        };
        let is_listed = if resource.is_link() {
            let link = self.links.get(&(resource.plural.clone(), owner.name.clone()));
            let link = link.filter(|link| link.uid == owner.uid);
            if let Some(next) = link.and_then(|link| link.owner.as_ref())
                && let Some(depth) = depth.checked_sub(1)
                && let Top::Known(key, uid) = self.top(next, depth)
            {
                return Top::Known(key, uid);
            }
            link.is_some()
        } else {
            let key = Key::of(resource, owner.name.clone());
            self.workloads.get(&key).is_some_and(|merged| merged.uid == owner.uid)
        };
        // An object of another project may create pods from a template that is elsewhere.
        if is_listed || resource.is_custom() || self.partial.contains(resource) {
            return by_name(&resource.api_version);
        }
        Top::Gone
    }

    /// The listed kind of an owner.
    fn kind(&self, key: &Key) -> Option<&'g ListedKind> {
        self.kinds.iter().find(|kind| kind.is(&key.api_version, &key.kind))
    }

    pub(super) fn unread(&self) -> &[Unread] {
        &self.unread
    }

    pub(super) fn finish(self) -> NamespaceObjects {
        let namespace = &self.facts.name;
        let workloads = self.workloads.into_iter().filter_map(|(key, merged)| {
            let mut workload = merged.judged?;
            workload.identity = Identity {
                api_version: key.api_version,
                kind: key.kind,
                namespace: namespace.clone(),
                name: key.name,
            };
            Some(Audited { workload, uid: merged.uid, pods: merged.pods })
        });
        NamespaceObjects {
            workloads: workloads.collect(),
            breaking: self.breaking,
            lints: self.lints,
            unread: self.unread,
            extent: AuditScope::Whole,
        }
    }
}

impl Key {
    fn of(resource: &ListedKind, name: String) -> Self {
        let (kind, api_version) = (resource.kind.clone(), resource.api_version.clone());
        Self { kind, name, api_version }
    }
}

impl Merged {
    fn add(&mut self, judged: Workload) {
        match &mut self.judged {
            Some(known) => merge(known, judged),
            None => self.judged = Some(judged),
        }
    }
}

/// Prefixes the fields of a pod's findings with the path of the template that it was made from, if it is known.
fn below(mut judged: Workload, root: Option<&str>) -> Workload {
    if let Some(root) = root {
        for found in judged.violations.iter_mut().flat_map(|broken| &mut broken.found) {
            found.field = format!("{root}.{}", found.field);
            found.part = format!("{root}.{}", found.part).into();
        }
    }
    judged
}
