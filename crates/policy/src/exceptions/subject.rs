//! The workload that exceptions are matched against.

use std::collections::HashSet;

use crate::{
    pss::{OwnerReference, Pod},
    rules::Reference,
};

use super::OwnerKind;

/// The label that distinguishes the ReplicaSets of a Deployment. Its value is the end of their names, too.
const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// The controllers that create pods of a kind, and the API version of that kind.
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

/// A pod or a template, its namespace, and its verified controllers.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    namespace: &'s str,
    pod: &'s Pod<'s>,
    /// The controller, and the controller of that.
    owners: [Option<(OwnerKind, &'s str)>; 2],
}

impl<'s> Subject<'s> {
    /// A pod in a request of this user. Anyone can write an owner into a pod, so it counts only if the controller of
    /// that kind sends the request.
    pub fn of(pod: &'s Pod<'s>, namespace: &'s str, requester: &str) -> Self {
        let owner = pod.metadata.controller();
        let owner =
            owner.and_then(|owner| kind_of(owner, requester).map(|kind| (kind, &*owner.name)));
        Self::made_by(pod, namespace, owner)
    }

    /// A template in an object of this kind and name, whose controller will create the pods. Kinds that exceptions do
    /// not support have no owner.
    pub fn of_template(
        template: &'s Pod<'s>,
        namespace: &'s str,
        kind: &str,
        name: &'s str,
    ) -> Self {
        Self::made_by(template, namespace, kind.parse().ok().map(|kind| (kind, name)))
    }

    /// A pod with a verified owner, for callers that have read the owner, such as an audit.
    pub fn made_by(
        pod: &'s Pod<'s>,
        namespace: &'s str,
        owner: Option<(OwnerKind, &'s str)>,
    ) -> Self {
        let above = owner.and_then(|owner| above(pod, owner));
        Self { namespace, pod, owners: [owner, above] }
    }

    /// A running pod with the owner that it claims, for callers that decide nothing by it.
    pub fn as_it_says(pod: &'s Pod<'s>, namespace: &'s str) -> Self {
        let owner = pod.metadata.controller();
        let owner = owner.and_then(|owner| Some((owner.kind.parse().ok()?, &*owner.name)));
        Self::made_by(pod, namespace, owner)
    }

    /// The pod or the template.
    pub fn pod(&self) -> &'s Pod<'s> {
        self.pod
    }

    /// The namespace.
    pub fn namespace(&self) -> &'s str {
        self.namespace
    }

    /// The verified controllers, the nearest first.
    pub fn owners(&self) -> impl Iterator<Item = (OwnerKind, &'s str)> {
        self.owners.into_iter().flatten()
    }

    /// `namespace:name`; `default` for a pod that names none.
    pub(super) fn service_account(&self) -> String {
        let name = self.pod.service_account();
        let name = if name.is_empty() { "default" } else { name };
        format!("{}:{name}", self.namespace)
    }

    /// The images of its containers that are valid references.
    pub(super) fn images(&self) -> impl Iterator<Item = Reference<'s>> + use<'s> {
        let images = self.pod.containers().map(|(_, container)| container.image.as_str());
        let mut seen = HashSet::new();
        let images = images.filter(move |image| seen.insert(*image));
        images.filter_map(|image| Reference::parse(image).ok())
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = (&'s str, &'s str)> + use<'s> {
        self.pod.metadata.labels.iter()
    }

    pub(super) fn has_label(&self, key: &str, value: &str) -> bool {
        self.pod.metadata.labels.is(key, value)
    }
}

/// The kind of an owner, if the requester is its controller.
fn kind_of(owner: &OwnerReference<'_>, requester: &str) -> Option<OwnerKind> {
    let known = CONTROLLERS.into_iter().find(|(kind, version, controller)| {
        owner.kind == kind.as_str() && owner.api_version == *version && requester == *controller
    });
    known.map(|(kind, ..)| kind)
}

/// The controller of the owner, derived from names: the controllers of Deployments and CronJobs name the objects that
/// they create after themselves. Users who can create ReplicaSets or Jobs can choose such names, too.
fn above<'s>(pod: &Pod<'_>, (kind, name): (OwnerKind, &'s str)) -> Option<(OwnerKind, &'s str)> {
    let (above, end) = name.rsplit_once('-').filter(|(above, _)| !above.is_empty())?;
    match kind {
        OwnerKind::ReplicaSet => {
            let is_hash = !end.is_empty() && pod.metadata.labels.is(POD_TEMPLATE_HASH, end);
            is_hash.then_some((OwnerKind::Deployment, above))
        }
        // The suffix is the scheduled time, in minutes.
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
