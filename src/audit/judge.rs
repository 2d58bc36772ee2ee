//! Judges an object of a list by its namespace's policy and by every level. Pure: it receives all that it needs.

use std::borrow::Cow;

use policy::{
    config::Mode,
    findings::{Identity, Lint, NamespaceFacts, Policy, Workload, lint},
    harden::{Decision, Scope},
    json,
    verdict::PodCase,
    workloads::{HeldPod, Object, PodRoot},
};

use super::{object::ListedObject, resource::ListedKind};

/// How pods that a template will create are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Templates {
    /// As the template is written, because no webhook hardens pods.
    AsWritten,
    /// As the webhook with this configuration changes them.
    AsAdmitted,
}

/// What applies to all objects of a namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<'g> {
    pub(super) facts: &'g NamespaceFacts,
    /// The policy for pods that results from the namespace and the configuration.
    pub(super) policy: &'g Policy,
    pub(super) templates: Templates,
}

/// The part of an object that an audit keeps.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) owner: Option<Owner>,
    pub(super) content: EntryContent,
    /// Whether it is a pod that violates the enforced policy.
    pub(super) is_breaking: bool,
    pub(super) lints: Vec<Lint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
}

#[derive(Debug)]
pub(super) enum EntryContent {
    Judged(Box<Workload>),
    /// It creates no pods, or is listed for its owner only.
    Nothing,
    /// It could not be judged, for this reason.
    Unreadable(String),
}

impl Entry {
    /// An object that matters only for its owner.
    pub(super) fn link(object: &ListedObject<'_>) -> Self {
        let metadata = &object.metadata;
        let owner = object.owner().map(|owner| Owner {
            api_version: owner.api_version.to_string(),
            kind: owner.kind.to_string(),
            name: owner.name.to_string(),
            uid: owner.uid.to_string(),
        });
        Self {
            name: metadata.name.to_string(),
            uid: metadata.uid.to_string(),
            owner,
            content: EntryContent::Nothing,
            is_breaking: false,
            lints: Vec::new(),
        }
    }
}

impl<'g> Judge<'g> {
    /// Judges an object that was read from this JSON.
    pub(super) fn entry(
        &self,
        resource: &ListedKind,
        object: &ListedObject<'_>,
        json: &str,
    ) -> Entry {
        let mut entry = Entry::link(object);
        // An old revision: it creates no pods unless the user rolls back.
        if entry.owner.is_some() && object.spec.replicas == Some(0) {
            return entry;
        }
        let (pods, is_template) = match json::from_untrusted(json, resource) {
            Ok(Object::Pod(pod)) => (vec![HeldPod { root: PodRoot::POD, pod }], false),
            Ok(Object::Workload(held)) if !held.is_empty() => (held, true),
            Ok(_) => return entry,
            Err(error) => {
                entry.content = EntryContent::Unreadable(error.to_string());
                return entry;
            }
        };
        let identity = identity(self.facts, resource, &entry.name);
        // Lints of a controlled object repeat those of its controller.
        let is_made = resource.is_pod() || resource.is_link();
        if entry.owner.is_none() || !is_made {
            let newest = self.policy.newest;
            let lints =
                pods.iter().flat_map(|held| lint::of_pod(&held.pod, &held.root, &identity, newest));
            entry.lints = lints.collect();
            // The API server drops unknown fields, but the applied manifest keeps them.
            let applied = object.metadata.annotations.get(lint::LAST_APPLIED);
            entry.lints.extend(applied.into_iter().flat_map(|text| lint::of_text(text, &identity)));
        }
        let made: Vec<_> = match is_template {
            true => pods.iter().map(|held| self.as_made(&identity, held)).collect(),
            false => Vec::new(),
        };
        let pods = if made.is_empty() { &pods } else { &made };
        let workload = Workload::judge(identity.clone(), pods, self.policy);
        entry.is_breaking = !is_template && workload.is_denied();
        entry.content = EntryContent::Judged(Box::new(workload));
        entry
    }

    /// The pod that a template will create: hardened, if the webhook hardens pods in this namespace.
    fn as_made<'p>(&self, identity: &'p Identity, held: &'p HeldPod<'p>) -> HeldPod<'p>
    where
        'g: 'p,
    {
        let is_hardened = self.templates == Templates::AsAdmitted
            && self.facts.policy.hardening == Decision::Apply
            && self.policy.config.mode == Mode::Enforce;
        let subject = self.policy.subject(identity, &held.pod);
        let policy = Cow::Borrowed(&self.facts.policy);
        let case = PodCase::new(&subject, policy, self.policy.context());
        let case = case.ok().filter(|_| is_hardened);
        let made = case.and_then(|case| case.harden(Scope::Create).into_hardened());
        let pod = made.map_or_else(|| held.pod.clone(), Box::new);
        HeldPod { root: held.root.clone(), pod }
    }
}

/// The name of an object in this namespace.
pub(super) fn identity(facts: &NamespaceFacts, resource: &ListedKind, name: &str) -> Identity {
    Identity {
        api_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
        namespace: facts.name.clone(),
        name: name.to_owned(),
    }
}
