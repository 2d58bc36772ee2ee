//! The kinds of objects that are judged, and the pods in each: one table for reviews, manifests and lists.

mod kind;
mod misspelt;
mod path;
mod read;
mod table;

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny},
};

use crate::{
    pss::{Pod, Text, or_default},
    shown::cut,
};

pub use kind::{Hardens, Kinds, PodForm, WorkloadKind};
pub use misspelt::RightKind;
pub use path::{PodRoot, is_path};
pub use read::HeldPod;

/// The type of a request's object, according to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'k> {
    /// `pods`, and every subresource that contains a pod. Includes unknown subresources, so that a newer API server
    /// cannot get a pod past an older build (`admission.go`, ignoredPodSubresources).
    Pod,
    /// A kind that holds pods, from which its controller creates them.
    Workload(&'k WorkloadKind),
    /// `namespaces`, and the subresources that contain a namespace.
    Namespace,
    /// Not judged: `pods/exec`, `deployments/scale`.
    Ignored,
    /// A resource that this build does not know, so the position of its pod is unknown.
    Unknown,
}

impl<'k> Target<'k> {
    /// Determines the type by the resource that the webhook is registered for: `matchPolicy: Equivalent` converts to
    /// it.
    pub fn of(kinds: Kinds<'k>, group: &str, resource: &str, subresource: &str) -> Self {
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
            (_, _, "") => kinds.of_resource(group, resource).map_or(Self::Unknown, Self::Workload),
            _ => Self::Ignored,
        }
    }

    /// The kind of the object, if only that can be judged.
    pub fn kind(self) -> Option<&'static str> {
        match self {
            Self::Pod => Some("Pod"),
            Self::Namespace => Some("Namespace"),
            Self::Workload(_) | Self::Ignored | Self::Unknown => None,
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
    /// An object that holds pods.
    Workload(Vec<HeldPod<'a>>),
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
impl<'de> DeserializeSeed<'de> for Target<'_> {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        Ok(match self {
            Self::Pod => match Option::<Box<Pod<'de>>>::deserialize(deserializer)? {
                Some(pod) => Object::Pod(pod),
                None => Object::Absent,
            },
            Self::Workload(kind) => {
                kind.pods(deserializer)?.map_or(Object::Absent, Object::Workload)
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
