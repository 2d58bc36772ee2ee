//! The workload that exceptions are asked for.

use std::collections::HashSet;

use crate::{
    pss::{OwnerReference, Pod},
    rules::Reference,
};

use super::OwnerKind;

/// The label by which a Deployment tells its ReplicaSets apart: the end of their names, too.
const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// Who makes pods in the name of a kind, and of which API version objects of that kind are.
const CONTROLLERS: [(OwnerKind, &str, &str); 5] = [
    (OwnerKind::ReplicaSet, "apps/v1", "system:serviceaccount:kube-system:replicaset-controller"),
    (OwnerKind::StatefulSet, "apps/v1", "system:serviceaccount:kube-system:statefulset-controller"),
    (OwnerKind::DaemonSet, "apps/v1", "system:serviceaccount:kube-system:daemon-set-controller"),
    (OwnerKind::Job, "batch/v1", "system:serviceaccount:kube-system:job-controller"),
    (
        OwnerKind::ReplicationController,
        "v1",
        "system:serviceaccount:kube-system:replication-controller",
    ),
];

/// A pod or a template, where it is, and what is known to have made it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    namespace: &'s str,
    pod: &'s Pod<'s>,
    /// What made it, and what made that.
    owners: [Option<(OwnerKind, &'s str)>; 2],
}

impl<'s> Subject<'s> {
    /// A pod, as this user asks for it. Anybody can write an owner into a pod: it counts only when the owner kind's own
    /// controller asks, which writes the truth.
    pub fn of(pod: &'s Pod<'s>, namespace: &'s str, requester: &str) -> Self {
        let owner = pod.metadata.controller();
        let owner =
            owner.and_then(|owner| kind_of(owner, requester).map(|kind| (kind, &*owner.name)));
        Self::made_by(pod, namespace, owner)
    }

    /// A template in an object of this kind and name, whose pods that kind's controller will make. A kind that is none
    /// of those of exceptions has no owner.
    pub fn of_template(
        template: &'s Pod<'s>,
        namespace: &'s str,
        kind: &str,
        name: &'s str,
    ) -> Self {
        Self::made_by(template, namespace, OwnerKind::find(kind).map(|kind| (kind, name)))
    }

    /// A pod that is known to be made by this: for whoever has seen the owner itself, as an audit has.
    pub fn made_by(
        pod: &'s Pod<'s>,
        namespace: &'s str,
        owner: Option<(OwnerKind, &'s str)>,
    ) -> Self {
        let above = owner.and_then(|owner| above(pod, owner));
        Self { namespace, pod, owners: [owner, above] }
    }

    /// A pod that runs, made by what it says: for whoever decides nothing by it.
    pub fn as_it_says(pod: &'s Pod<'s>, namespace: &'s str) -> Self {
        let owner = pod.metadata.controller();
        let owner = owner.and_then(|owner| Some((OwnerKind::find(&owner.kind)?, &*owner.name)));
        Self::made_by(pod, namespace, owner)
    }

    /// The pod or the template.
    pub fn pod(&self) -> &'s Pod<'s> {
        self.pod
    }

    /// Where it is.
    pub fn namespace(&self) -> &'s str {
        self.namespace
    }

    /// What is known to have made it, the nearest first.
    pub fn owners(&self) -> impl Iterator<Item = (OwnerKind, &'s str)> {
        self.owners.into_iter().flatten()
    }

    /// `namespace:name`; a pod that names none gets `default`.
    pub(super) fn service_account(&self) -> String {
        let name = self.pod.service_account();
        let name = if name.is_empty() { "default" } else { name };
        format!("{}:{name}", self.namespace)
    }

    /// The images of its containers, as far as they are references.
    pub(super) fn images(&self) -> impl Iterator<Item = Reference<'s>> + use<'s> {
        let images = self.pod.containers().map(|(_, container)| container.image.as_str());
        let mut seen = HashSet::new();
        let images = images.filter(move |image| seen.insert(*image));
        images.filter_map(|image| Reference::parse(image).ok())
    }

    /// The pod's labels.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&'s str, &'s str)> + use<'s> {
        self.pod.metadata.labels.iter()
    }

    pub(super) fn has_label(&self, key: &str, value: &str) -> bool {
        self.pod.metadata.labels.is(key, value)
    }
}

/// The kind of an owner, if this requester is its controller.
fn kind_of(owner: &OwnerReference<'_>, requester: &str) -> Option<OwnerKind> {
    let known = CONTROLLERS.into_iter().find(|(kind, version, controller)| {
        owner.kind == kind.as_str() && owner.api_version == *version && requester == *controller
    });
    known.map(|(kind, ..)| kind)
}

/// What made the owner, as far as names tell: the controllers of Deployments and CronJobs name what they make after
/// themselves. Whoever may make ReplicaSets or Jobs can do so too.
fn above<'s>(pod: &Pod<'_>, (kind, name): (OwnerKind, &'s str)) -> Option<(OwnerKind, &'s str)> {
    let (above, end) = name.rsplit_once('-').filter(|(above, _)| !above.is_empty())?;
    match kind {
        OwnerKind::ReplicaSet => {
            let is_hash = !end.is_empty() && pod.metadata.labels.is(POD_TEMPLATE_HASH, end);
            is_hash.then_some((OwnerKind::Deployment, above))
        }
        // The end is the scheduled time, in minutes.
        OwnerKind::Job => {
            let is_time = end.len() >= 8 && end.bytes().all(|b| b.is_ascii_digit());
            is_time.then_some((OwnerKind::CronJob, above))
        }
        OwnerKind::Deployment
        | OwnerKind::StatefulSet
        | OwnerKind::DaemonSet
        | OwnerKind::CronJob
        | OwnerKind::ReplicationController => None,
    }
}
