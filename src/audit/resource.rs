//! The listed kinds: pods and the workloads that create them.

use policy::workloads::{Target, WorkloadKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListedKind {
    /// How its objects are decoded.
    pub(super) target: Target,
    /// `apps/v1`.
    pub(super) api_version: &'static str,
    /// The resource name in paths: `deployments`.
    pub(super) plural: &'static str,
    /// The kind in owner references: `Deployment`.
    pub(super) kind: &'static str,
}

const fn of(
    target: Target,
    api_version: &'static str,
    plural: &'static str,
    kind: &'static str,
) -> ListedKind {
    ListedKind { target, api_version, plural, kind }
}

pub(super) const PODS: ListedKind = of(Target::Pod, "v1", "pods", "Pod");
/// Creates pods for Deployments, or on its own.
pub(super) const REPLICA_SETS: ListedKind =
    of(Target::Template(WorkloadKind::ReplicaSet), "apps/v1", "replicasets", "ReplicaSet");
/// Creates pods for CronJobs, or on its own.
pub(super) const JOBS: ListedKind =
    of(Target::Template(WorkloadKind::Job), "batch/v1", "jobs", "Job");

/// All kinds. A PodTemplate is not listed, because no controller creates pods from it.
pub(super) const ALL: [ListedKind; 8] = [
    of(Target::Template(WorkloadKind::Deployment), "apps/v1", "deployments", "Deployment"),
    of(Target::Template(WorkloadKind::StatefulSet), "apps/v1", "statefulsets", "StatefulSet"),
    of(Target::Template(WorkloadKind::DaemonSet), "apps/v1", "daemonsets", "DaemonSet"),
    of(Target::Template(WorkloadKind::CronJob), "batch/v1", "cronjobs", "CronJob"),
    of(
        Target::Template(WorkloadKind::ReplicationController),
        "v1",
        "replicationcontrollers",
        "ReplicationController",
    ),
    REPLICA_SETS,
    JOBS,
    PODS,
];

impl ListedKind {
    /// The kind that an owner reference names, in any version of its group.
    pub(super) fn owner(api_version: &str, kind: &str) -> Option<Self> {
        let group = group(api_version);
        ALL.into_iter().find(|resource| group == resource.group() && kind == resource.kind)
    }

    /// The path of the pod in its objects: `""`, `"spec.template."`.
    pub(super) fn root(self) -> &'static str {
        match self.target {
            Target::Template(kind) => kind.root(),
            Target::Pod | Target::Namespace | Target::Ignored | Target::Unknown => "",
        }
    }

    /// The path of its list, in one namespace or in all.
    pub(super) fn path(self, namespace: Option<&str>) -> String {
        let api = if self.group().is_empty() { "api" } else { "apis" };
        let namespace = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
        format!("/{api}/{}{namespace}/{}", self.api_version, self.plural)
    }

    /// The name as in `kubectl auth can-i`: `deployments.apps`.
    pub(super) fn qualified(self) -> String {
        match self.group() {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }

    fn group(self) -> &'static str {
        group(self.api_version)
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names_are_kubernetes_own() {
        let [deployments, .., pods] = ALL;
        assert_eq!(deployments.path(None), "/apis/apps/v1/deployments");
        assert_eq!(pods.path(Some("shop")), "/api/v1/namespaces/shop/pods");
        assert_eq!(
            (deployments.qualified(), pods.qualified()),
            ("deployments.apps".to_owned(), "pods".to_owned())
        );
        assert_eq!((deployments.root(), pods.root()), ("spec.template.", ""));
    }

    #[test]
    fn owners_are_known_by_group_and_kind() {
        let plural =
            |api_version, kind| ListedKind::owner(api_version, kind).map(|owner| owner.plural);
        assert_eq!(plural("apps/v1beta2", "ReplicaSet"), Some("replicasets"));
        assert_eq!(plural("v1", "ReplicationController"), Some("replicationcontrollers"));
        assert_eq!(plural("argoproj.io/v1alpha1", "ReplicaSet"), None);
        assert_eq!(plural("v1", "Node"), None);
    }
}
