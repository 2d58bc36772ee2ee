//! The kinds of objects that are judged, and the pod in each: one table for reviews, manifests and lists.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny},
};

use crate::{
    pss::{Pod, Text, or_default},
    shown::cut,
};

/// The type of a request's object, according to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `pods`, and every subresource that contains a pod. Includes unknown subresources, so that a newer API server
    /// cannot get a pod past an older build (`admission.go`, ignoredPodSubresources).
    Pod,
    /// A kind that creates pods from a template.
    Template(WorkloadKind),
    /// `namespaces`, and the subresources that contain a namespace.
    Namespace,
    /// Not judged: `pods/exec`, `deployments/scale`.
    Ignored,
    /// A resource that this build does not know, so the position of its pod is unknown.
    Unknown,
}

/// The eight kinds with a pod template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the kinds are Kubernetes' own")]
pub enum WorkloadKind {
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    PodTemplate,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
}

/// Group, resource and kind of each.
const KINDS: [(&str, &str, &str, WorkloadKind); 8] = [
    ("batch", "cronjobs", "CronJob", WorkloadKind::CronJob),
    ("apps", "daemonsets", "DaemonSet", WorkloadKind::DaemonSet),
    ("apps", "deployments", "Deployment", WorkloadKind::Deployment),
    ("batch", "jobs", "Job", WorkloadKind::Job),
    ("", "podtemplates", "PodTemplate", WorkloadKind::PodTemplate),
    ("apps", "replicasets", "ReplicaSet", WorkloadKind::ReplicaSet),
    ("", "replicationcontrollers", "ReplicationController", WorkloadKind::ReplicationController),
    ("apps", "statefulsets", "StatefulSet", WorkloadKind::StatefulSet),
];

impl WorkloadKind {
    /// The kind of a manifest, by the group of its `apiVersion`.
    pub fn of_manifest(group: &str, kind: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.0 == group && row.2 == kind).map(|row| row.3)
    }

    /// The path of the template in the object.
    pub fn template(self) -> &'static [&'static str] {
        match self {
            Self::PodTemplate => &["template"],
            Self::CronJob => &["spec", "jobTemplate", "spec", "template"],
            Self::DaemonSet
            | Self::Deployment
            | Self::Job
            | Self::ReplicaSet
            | Self::ReplicationController
            | Self::StatefulSet => &["spec", "template"],
        }
    }

    /// The same as the prefix of field paths: `spec.template.`.
    pub fn root(self) -> &'static str {
        match self {
            Self::PodTemplate => "template.",
            Self::CronJob => "spec.jobTemplate.spec.template.",
            Self::DaemonSet
            | Self::Deployment
            | Self::Job
            | Self::ReplicaSet
            | Self::ReplicationController
            | Self::StatefulSet => "spec.template.",
        }
    }
}

impl Target {
    /// Determines the type by the resource that the webhook is registered for: `matchPolicy: Equivalent` converts to
    /// it.
    pub fn of(group: &str, resource: &str, subresource: &str) -> Self {
        match (group, resource, subresource) {
            (
                "",
                "pods",
                "exec" | "attach" | "binding" | "eviction" | "log" | "portforward" | "proxy"
                | "status",
            ) => Self::Ignored,
            ("", "pods", _) => Self::Pod,
            // Each of them can change labels: upstream's strategies reset the spec or status, but not the metadata
            // (`registry/core/namespace/strategy.go`).
            ("", "namespaces", "" | "finalize" | "status") => Self::Namespace,
            ("", "namespaces", _) => Self::Ignored,
            (_, _, "") => KINDS
                .iter()
                .find(|row| row.0 == group && row.1 == resource)
                .map_or(Self::Unknown, |row| Self::Template(row.3)),
            _ => Self::Ignored,
        }
    }
}

impl Target {
    /// The kind of the object, if only that can be judged.
    pub fn kind(self) -> Option<&'static str> {
        match self {
            Self::Pod => Some("Pod"),
            Self::Namespace => Some("Namespace"),
            Self::Template(_) | Self::Ignored | Self::Unknown => None,
        }
    }
}

/// A review's `object` or `oldObject`.
#[derive(Debug, Default)]
pub enum Object<'a> {
    /// `null` or absent.
    #[default]
    Absent,
    /// Present, but not judged.
    Ignored,
    /// A pod.
    Pod(Box<Pod<'a>>),
    /// The object of a template, with the template if present.
    Template(Option<Box<Pod<'a>>>),
    /// A namespace.
    Namespace(NamespaceObject),
    /// The object does not match its resource, for this reason.
    Unreadable(String),
    /// The review is truncated or incomplete, so the type is unknown, for this reason.
    Malformed(String),
}

/// The part of a namespace that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceObject {
    /// Its policy labels.
    pub labels: BTreeMap<String, String>,
}

/// Reads an object as the type that its resource determines.
impl<'de> DeserializeSeed<'de> for Target {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        Ok(match self {
            Self::Pod => match Option::<Box<Pod<'de>>>::deserialize(deserializer)? {
                Some(pod) => Object::Pod(pod),
                None => Object::Absent,
            },
            Self::Template(WorkloadKind::PodTemplate) => {
                from_holder(Option::<Holder<'de>>::deserialize(deserializer)?, |holder| {
                    holder.template
                })
            }
            Self::Template(WorkloadKind::CronJob) => from_holder(
                Option::<WithSpec<JobTemplate<'de>>>::deserialize(deserializer)?,
                |cron_job| cron_job.spec.job_template.spec.template,
            ),
            Self::Template(_) => {
                from_holder(Option::<WithSpec<Holder<'de>>>::deserialize(deserializer)?, |holder| {
                    holder.spec.template
                })
            }
            Self::Namespace => match Option::<RawNamespace>::deserialize(deserializer)? {
                Some(namespace) => {
                    Object::Namespace(NamespaceObject { labels: namespace.metadata.labels.0 })
                }
                None => Object::Absent,
            },
            Self::Ignored | Self::Unknown => match Option::<IgnoredAny>::deserialize(deserializer)?
            {
                Some(_) => Object::Ignored,
                None => Object::Absent,
            },
        })
    }
}

fn from_holder<'a, T>(object: Option<T>, template: fn(T) -> Option<Box<Pod<'a>>>) -> Object<'a> {
    object.map_or(Object::Absent, |object| Object::Template(template(object)))
}

#[derive(Default, Deserialize)]
struct Holder<'a> {
    #[serde(borrow, default)]
    template: Option<Box<Pod<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobTemplate<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    job_template: WithSpec<Holder<'a>>,
}

#[derive(Default, Deserialize)]
struct WithSpec<T: Default> {
    #[serde(default, deserialize_with = "or_default", bound(deserialize = "T: Deserialize<'de>"))]
    spec: T,
}

#[derive(Deserialize)]
struct RawNamespace {
    #[serde(default, deserialize_with = "or_default")]
    metadata: NamespaceMetadata,
}

#[derive(Default, Deserialize)]
struct NamespaceMetadata {
    #[serde(default, deserialize_with = "or_default")]
    labels: PolicyLabels,
}

/// The policy labels; others are skipped. The API limits values to 63 bytes: the start of a longer one is enough to
/// report it as invalid.
#[derive(Default)]
struct PolicyLabels(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for PolicyLabels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = PolicyLabels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_map<A: de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<PolicyLabels, A::Error> {
                let mut labels = BTreeMap::new();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if crate::config::is_read(&key) {
                        let value = map.next_value::<Text<'de>>()?;
                        labels.insert(key.to_string(), cut(&value).to_owned());
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(PolicyLabels(labels))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
