//! Namespaces in manifests: their labels are the policy for the pods in them.

use std::{collections::BTreeMap, marker::PhantomData};

use memchr::memmem;
use serde::Deserialize;

use policy::{
    pss::{Labels, or_default},
    workloads::{Object, Target},
};

use super::{object::Manifest, tree::Error, value::Value};

/// The kind, and the start of the kind of lists.
const KIND: &str = "Namespace";

/// A Namespace, and its position.
#[derive(Debug)]
pub struct Namespace<'a> {
    /// The object, which contains no pod.
    pub manifest: Manifest<'a>,
    /// Its labels and annotations.
    pub metadata: NamespaceMetadata,
}

/// The labels and annotations of a Namespace. Values that are not strings are left out, unless they set a policy.
#[derive(Debug, Default)]
pub struct NamespaceMetadata {
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Whether an object of this type is a Namespace.
pub(super) fn is_one(api_version: &str, kind: &str) -> bool {
    (api_version, kind) == ("v1", KIND)
}

impl NamespaceMetadata {
    /// Reads the policy labels as the webhook does, for the same verdict.
    pub(super) fn read(value: Value<'_>) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Whole<'a> {
            #[serde(borrow, default, deserialize_with = "or_default")]
            metadata: Metadata<'a>,
        }
        #[derive(Default, Deserialize)]
        struct Metadata<'a> {
            #[serde(borrow, default)]
            labels: Labels<'a>,
            #[serde(borrow, default)]
            annotations: Labels<'a>,
        }
        let policy = match value.read(Target::Namespace)? {
            Object::Namespace(namespace) => namespace.labels,
            _ => BTreeMap::new(),
        };
        let Whole { metadata } = value.read(PhantomData)?;
        let owned = |labels: &Labels<'_>| {
            labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let mut labels: BTreeMap<_, _> = owned(&metadata.labels);
        labels.extend(policy);
        Ok(Self { labels, annotations: owned(&metadata.annotations) })
    }
}

/// Whether a document may contain a Namespace: whether the word, or `NamespaceList`, is a whole value. Does not parse it.
pub(super) fn may_contain(text: &[u8]) -> bool {
    memmem::find_iter(text, KIND).any(|at| {
        let after = text.get(at + KIND.len()..).unwrap_or_default();
        let after = after.strip_prefix(b"List").unwrap_or(after);
        let after = match after {
            [b'"' | b'\'', rest @ ..] => rest,
            _ => after,
        };
        let next = after.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
        matches!(next, None | Some(b'\n' | b'\r' | b',' | b'}' | b']' | b'#'))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Places, namespaces};

    /// The names in a text, each with its level and the place of that label.
    fn found(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut places = Places::new(Arc::from("x"), text.as_bytes());
        namespaces(text.as_bytes(), |Namespace { manifest, metadata }| {
            let level = metadata.labels.get("pod-security.kubernetes.io/enforce");
            let field = "metadata.labels[pod-security.kubernetes.io/enforce]";
            let at = places.field(manifest, field).region.start;
            let level = level.map_or("none", String::as_str);
            found.push(format!("{} {level} {}:{}", manifest.identity.name, at.line, at.column));
        });
        found
    }

    const LABELS: &str =
        "metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: restricted}}";

    #[test]
    fn namespaces_are_found_in_every_form() {
        for (start, place) in [
            ("apiVersion: v1\nkind: Namespace\n", "3:33"),
            ("{apiVersion: v1, kind: Namespace, ", "1:67"),
            ("apiVersion: v1\nkind: 'Namespace' # a comment\n", "3:33"),
            ("apiVersion: v1\r\nkind: \"Namespace\"\t\r\n", "3:33"),
            ("apiVersion: v1\nkind: &kind Namespace\n", "3:33"),
            ("apiVersion: v1\nkind: >-\n  Namespace\n", "4:33"),
            ("a: 1\n---\napiVersion: v1\nkind: Namespace\n", "5:33"),
        ] {
            let close = if start.starts_with('{') { "}" } else { "" };
            let text = format!("{start}{LABELS}{close}");
            assert_eq!(found(&text), [format!("shop restricted {place}")], "{text}");
        }
        let json = r#"{"metadata": {"labels": {"pod-security.kubernetes.io/enforce":"baseline", "a": 1}, "name": "a"},
            "kind":"Namespace" ,"apiVersion":"v1"}"#;
        assert_eq!(found(json), ["a baseline 1:26"]);
    }

    #[test]
    fn namespaces_are_found_in_lists() {
        for kind in ["List", "NamespaceList"] {
            let text = format!(
                "apiVersion: v1\nkind: {kind}\nitems:\n- apiVersion: v1\n  kind: Namespace\n  {LABELS}\n- {{apiVersion: v1, kind: Namespace, metadata: {{name: b}}}}\n"
            );
            assert_eq!(found(&text), ["shop restricted 6:35", "b none 7:3"]);
        }
        let text = format!("apiVersion: v1\nkind: NamespaceList\nitems:\n- {LABELS}\n");
        assert_eq!(found(&text), ["shop restricted 4:35"]);
    }

    #[test]
    fn other_documents_are_not_parsed() {
        for text in [
            "apiVersion: apiextensions.k8s.io/v1\nspec:\n  scope: Namespaced\n",
            "description: Namespace of the object\nfield: namespace\n",
            "kind: NamespaceSelector\n",
        ] {
            assert!(!may_contain(text.as_bytes()), "{text}");
        }
        let patch = format!("apiVersion: v1\nkind: Namespace\n{LABELS}\n$patch: delete\n");
        assert_eq!(found(&patch), [""; 0]);
        let other = format!("apiVersion: example.org/v1\nkind: Namespace\n{LABELS}\n");
        assert_eq!(found(&other), [""; 0]);
        let broken = format!(
            "a: [\n---\nkind: Namespace\n  :-\n---\napiVersion: v1\nkind: Namespace\n{LABELS}\n"
        );
        assert_eq!(found(&broken), ["shop restricted 8:33"]);
    }
}
