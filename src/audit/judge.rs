//! An object of a list, judged: by its namespace's policy and by every level. Pure: it is given all that it needs.

use std::borrow::Cow;

use crate::{
    admission,
    config::Mode,
    findings::{Ground, Identity, Lint, Policy, Workload, lint},
    harden::{Decision, Scope},
    json,
    policy::PodCase,
    pss::Pod,
};

use super::{
    object::{LAST_APPLIED, Object},
    resource::Resource,
};

/// What stands for the pods that a template will make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Templates {
    /// The template as it is: nobody is known to harden pods.
    AsWritten,
    /// What the webhook with this configuration makes of it.
    AsAdmitted,
}

/// What holds for all objects of a namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bench<'g> {
    pub(super) ground: &'g Ground,
    /// What the ground and the configuration come to for a pod.
    pub(super) policy: &'g Policy,
    pub(super) templates: Templates,
}

/// What an audit keeps of an object.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) owner: Option<Owner>,
    pub(super) content: Content,
    /// A pod that breaks what its namespace enforces.
    pub(super) is_breaking: bool,
    pub(super) lints: Vec<Lint>,
}

/// What manages it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
}

/// What it says of pods.
#[derive(Debug)]
pub(super) enum Content {
    Judged(Box<Workload>),
    /// It makes no pods, or is only listed for who owns it.
    Nothing,
    /// Why it could not be judged.
    Unreadable(String),
}

impl Entry {
    /// One of which only the owner matters.
    pub(super) fn link(object: &Object<'_>) -> Self {
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
            content: Content::Nothing,
            is_breaking: false,
            lints: Vec::new(),
        }
    }
}

impl<'g> Bench<'g> {
    /// Judges an object that was read from this JSON.
    pub(super) fn entry(&self, resource: Resource, object: &Object<'_>, json: &str) -> Entry {
        let mut entry = Entry::link(object);
        // An old revision, whose pods nobody will make again unless somebody rolls back.
        if entry.owner.is_some() && object.spec.replicas == Some(0) {
            return entry;
        }
        let (pod, is_template) = match json::from_untrusted(json, resource.target) {
            Ok(admission::Object::Pod(pod)) => (pod, false),
            Ok(admission::Object::Template(Some(template))) => (template, true),
            Ok(_) => return entry,
            Err(error) => {
                entry.content = Content::Unreadable(error.to_string());
                return entry;
            }
        };
        let identity = identity(self.ground, resource, &entry.name);
        // What a controller made repeats what is wrong with the controller.
        let is_made = matches!(resource.kind, "Pod" | "ReplicaSet" | "Job");
        if entry.owner.is_none() || !is_made {
            entry.lints = lint::of_pod(&pod, resource.root(), &identity);
            // The API server keeps no field that it does not know, but what was applied does.
            let applied = object.metadata.annotations.get(LAST_APPLIED);
            entry.lints.extend(applied.into_iter().flat_map(|text| lint::of_text(text, &identity)));
        }
        let made = is_template.then(|| self.as_made(&identity, &pod)).flatten();
        let pod = made.as_ref().unwrap_or(&pod);
        let workload = Workload::judge(identity.clone(), Some(pod), resource.root(), self.policy);
        entry.is_breaking = !is_template && workload.is_denied();
        entry.content = Content::Judged(Box::new(workload));
        entry
    }

    /// A pod as it will be made from a template, where hardening adds anything to it.
    fn as_made<'p>(&self, identity: &'p Identity, template: &'p Pod<'p>) -> Option<Pod<'p>>
    where
        'g: 'p,
    {
        let is_hardened = self.templates == Templates::AsAdmitted
            && self.ground.policy.hardening == Decision::Apply
            && self.policy.config.mode == Mode::Enforce;
        let subject = self.policy.subject(identity, template);
        let policy = Cow::Borrowed(&self.ground.policy);
        let case = PodCase::new(&subject, policy, self.policy.context());
        case.ok().filter(|_| is_hardened)?.harden(Scope::Create).into_hardened()
    }
}

/// The name of an object of this namespace.
pub(super) fn identity(ground: &Ground, resource: Resource, name: &str) -> Identity {
    Identity {
        api_version: resource.api_version.to_owned(),
        kind: resource.kind.to_owned(),
        namespace: ground.name.clone(),
        name: name.to_owned(),
    }
}
