//! The object of a review, as narrow as what is judged of it.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny},
};

use crate::{
    policy,
    pss::{Pod, Text, or_default},
};

use super::message::cut;

/// What a request's resource says that its object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `pods`, and every subresource of it that holds a pod: also one that nobody has heard of yet, so that
    /// a newer API server cannot get a pod past an older build (`admission.go`, ignoredPodSubresources).
    Pod,
    /// A kind that makes pods from a template.
    Template(Kind),
    /// `namespaces`, and those subresources of it that hold a namespace.
    Namespace,
    /// Nothing that is judged: `pods/exec`, `deployments/scale`.
    Ignored,
    /// A resource that this build does not know: there is no saying where its pod stands.
    Unknown,
}

/// The eight kinds that hold a pod template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the kinds are Kubernetes' own")]
pub enum Kind {
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
const KINDS: [(&str, &str, &str, Kind); 8] = [
    ("batch", "cronjobs", "CronJob", Kind::CronJob),
    ("apps", "daemonsets", "DaemonSet", Kind::DaemonSet),
    ("apps", "deployments", "Deployment", Kind::Deployment),
    ("batch", "jobs", "Job", Kind::Job),
    ("", "podtemplates", "PodTemplate", Kind::PodTemplate),
    ("apps", "replicasets", "ReplicaSet", Kind::ReplicaSet),
    ("", "replicationcontrollers", "ReplicationController", Kind::ReplicationController),
    ("apps", "statefulsets", "StatefulSet", Kind::StatefulSet),
];

impl Kind {
    /// The kind of a manifest, by the group of its `apiVersion`.
    pub fn of_manifest(group: &str, kind: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.0 == group && row.2 == kind).map(|row| row.3)
    }

    /// Where the template stands in the object.
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

    /// The same as a field path's beginning: `spec.template.`.
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
    /// By the resource that the webhook is registered for: `matchPolicy: Equivalent` makes it that one.
    pub fn of(group: &str, resource: &str, subresource: &str) -> Self {
        match (group, resource, subresource) {
            (
                "",
                "pods",
                "exec" | "attach" | "binding" | "eviction" | "log" | "portforward" | "proxy"
                | "status",
            ) => Self::Ignored,
            ("", "pods", _) => Self::Pod,
            // Labels change by each of them: upstream's strategies keep the old spec or status, and no metadata
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
    /// The kind of its object, where no other can be judged.
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
    /// `null`, or not there.
    #[default]
    Absent,
    /// There, and nothing that is judged.
    Ignored,
    /// A pod.
    Pod(Box<Pod<'a>>),
    /// The object of a template, and its template if it has one.
    Template(Option<Box<Pod<'a>>>),
    /// A namespace.
    Namespace(Namespace),
    /// It is not what its resource says, and why.
    Unreadable(String),
    /// The review around it breaks off or does not say what is asked, and why: nobody knows what this is.
    Malformed(String),
}

/// What is read of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Those of its labels that set a policy.
    pub labels: BTreeMap<String, String>,
}

/// Reads an object as what its resource says that it is.
impl<'de> DeserializeSeed<'de> for Target {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        Ok(match self {
            Self::Pod => match Option::<Box<Pod<'de>>>::deserialize(deserializer)? {
                Some(pod) => Object::Pod(pod),
                None => Object::Absent,
            },
            Self::Template(Kind::PodTemplate) => {
                from_holder(Option::<Holder<'de>>::deserialize(deserializer)?, |holder| {
                    holder.template
                })
            }
            Self::Template(Kind::CronJob) => from_holder(
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
                    Object::Namespace(Namespace { labels: namespace.metadata.labels.0 })
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

/// The labels that set a policy; all others are skipped. The API allows values of 63 bytes: of longer ones the beginning
/// tells that they mean nothing.
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
                    if policy::is_read(&key) {
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
