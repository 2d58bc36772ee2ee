//! The listed kinds: pods and the workloads that create them.

use policy::workloads::{Kinds, Object, Target, WorkloadKind};
use serde::{Deserializer, de::DeserializeSeed};

/// A kind that an audit lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedKind {
    /// Where its objects describe pods. None for pods.
    row: Option<WorkloadKind>,
    /// `apps/v1`.
    pub(super) api_version: String,
    /// The resource name in paths: `deployments`.
    pub(super) plural: String,
    /// The kind in owner references: `Deployment`.
    pub(super) kind: String,
}

/// The order of the built-in kinds: owners before the objects that they own. Without PodTemplates, because no controller
/// creates pods from them.
const OWNERS_FIRST: [(&str, &str); 7] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "CronJob"),
    ("v1", "ReplicationController"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
];

impl ListedKind {
    /// All kinds, owners before the objects that they own: `custom`, then Kubernetes' own.
    pub(super) fn all(custom: Vec<Self>) -> Vec<Self> {
        let built_in = OWNERS_FIRST.iter().filter_map(|(api_version, kind)| {
            let row = Kinds::default().of_manifest(group(api_version), kind)?;
            Some(Self::of(row, api_version))
        });
        let pods = Self {
            row: None,
            api_version: "v1".to_owned(),
            plural: "pods".to_owned(),
            kind: "Pod".to_owned(),
        };
        custom.into_iter().chain(built_in).chain([pods]).collect()
    }

    /// A kind of the table, in a version.
    pub(super) fn of(row: &WorkloadKind, api_version: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            plural: row.plural.to_string(),
            kind: row.kind.to_string(),
            row: Some(row.clone()),
        }
    }

    pub(super) fn is_pod(&self) -> bool {
        self.row.is_none()
    }

    /// Whether its objects create pods for others, or on their own: ReplicaSets for Deployments, Jobs for CronJobs.
    pub(super) fn is_link(&self) -> bool {
        matches!((self.group(), &*self.kind), ("apps", "ReplicaSet") | ("batch", "Job"))
    }

    /// Whether it is a kind of another project.
    pub(super) fn is_custom(&self) -> bool {
        self.row.as_ref().is_some_and(|row| !row.is_built_in())
    }

    /// Whether owner references mean this kind: in any version of its group.
    pub(super) fn is(&self, api_version: &str, kind: &str) -> bool {
        self.group() == group(api_version) && self.kind == kind
    }

    /// The only path of a pod in its objects. None if there are several.
    pub(super) fn root(&self) -> Option<&str> {
        let paths = &self.row.as_ref()?.paths;
        (!paths.contains([' ', '[', '{'])).then_some(paths)
    }

    /// The path of its list, in one namespace or in all.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        let api = if self.group().is_empty() { "api" } else { "apis" };
        let namespace = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
        format!("/{api}/{}{namespace}/{}", self.api_version, self.plural)
    }

    /// The name as in `kubectl auth can-i`: `deployments.apps`.
    pub(super) fn qualified(&self) -> String {
        match self.group() {
            "" => self.plural.clone(),
            group => format!("{}.{group}", self.plural),
        }
    }

    fn group(&self) -> &str {
        group(&self.api_version)
    }
}

/// Reads an object of the kind.
impl<'de> DeserializeSeed<'de> for &ListedKind {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Object<'de>, D::Error> {
        self.row.as_ref().map_or(Target::Pod, Target::Workload).deserialize(object)
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
        let all = ListedKind::all(Vec::new());
        let [deployments, .., pods] = &*all else { panic!("{all:?}") };
        assert_eq!(deployments.path(None), "/apis/apps/v1/deployments");
        assert_eq!(pods.path(Some("shop")), "/api/v1/namespaces/shop/pods");
        assert_eq!(
            (deployments.qualified(), pods.qualified()),
            ("deployments.apps".to_owned(), "pods".to_owned())
        );
        assert_eq!((deployments.root(), pods.root()), (Some("spec.template"), None));
        assert_eq!(all.len(), 8);
    }

    #[test]
    fn owners_are_known_by_group_and_kind() {
        let all = ListedKind::all(Vec::new());
        let plural = |api_version, kind| {
            all.iter().find(|one| one.is(api_version, kind)).map(|owner| owner.plural.as_str())
        };
        assert_eq!(plural("apps/v1beta2", "ReplicaSet"), Some("replicasets"));
        assert_eq!(plural("v1", "ReplicationController"), Some("replicationcontrollers"));
        assert_eq!(plural("argoproj.io/v1alpha1", "ReplicaSet"), None);
        assert_eq!(plural("v1", "Node"), None);
    }
}
