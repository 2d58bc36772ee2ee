//! Builds reviews in kube-apiserver's format from short descriptions.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A request. Omitted fields have the most common value.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Ask {
    pub(crate) operation: String,
    /// `pods`, `apps/deployments`.
    pub(crate) resource: String,
    pub(crate) subresource: String,
    /// The kind of the object, if it differs from the resource's.
    pub(crate) kind: Option<String>,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    pub(crate) dry_run: bool,
    /// In [`filled`](Self::filled), a string that starts with `$` is replaced by that object of `objects.yaml`.
    pub(crate) object: Value,
    pub(crate) old_object: Value,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            operation: "CREATE".to_owned(),
            resource: "pods".to_owned(),
            subresource: String::new(),
            kind: None,
            name: "web".to_owned(),
            namespace: "shop".to_owned(),
            user: "alice".to_owned(),
            groups: vec!["system:authenticated".to_owned()],
            dry_run: false,
            object: Value::Null,
            old_object: Value::Null,
        }
    }
}

pub(crate) const UID: &str = "3f0c2d9e-6a0b-4f5e-9c55-0d6f3b1f7a01";

const KINDS: [(&str, &str); 10] = [
    ("pods", "Pod"),
    ("namespaces", "Namespace"),
    ("podtemplates", "PodTemplate"),
    ("replicationcontrollers", "ReplicationController"),
    ("apps/daemonsets", "DaemonSet"),
    ("apps/deployments", "Deployment"),
    ("apps/replicasets", "ReplicaSet"),
    ("apps/statefulsets", "StatefulSet"),
    ("batch/cronjobs", "CronJob"),
    ("batch/jobs", "Job"),
];

impl Ask {
    /// Creates a pod.
    pub(crate) fn pod(object: Value) -> Self {
        Self { object, ..Self::default() }
    }

    /// Replaces the labels of a namespace.
    pub(crate) fn relabelling(old: &Value, new: &Value) -> Self {
        Self {
            resource: "namespaces".to_owned(),
            name: "shop".to_owned(),
            operation: "UPDATE".to_owned(),
            object: json!({"metadata": {"name": "shop", "labels": new}}),
            old_object: json!({"metadata": {"name": "shop", "labels": old}}),
            ..Self::default()
        }
    }

    /// Replaces names of objects by the objects.
    pub(crate) fn filled(&self) -> Self {
        Self { object: filled(&self.object), old_object: filled(&self.old_object), ..self.clone() }
    }

    /// The review's text, with fields in kube-apiserver's order. A JSON value would sort them.
    pub(crate) fn text(&self) -> String {
        let (group, resource) = self.resource.split_once('/').unwrap_or(("", &self.resource));
        let known = KINDS.iter().find(|(resource, _)| *resource == self.resource);
        let kind = self.kind.as_deref().or(known.map(|(_, kind)| *kind)).unwrap_or("Unknown");
        let fields = [
            ("uid", json!(UID)),
            ("kind", json!({"group": group, "version": "v1", "kind": kind})),
            ("resource", json!({"group": group, "version": "v1", "resource": resource})),
            ("subResource", json!(self.subresource)),
            ("name", json!(self.name)),
            ("namespace", json!(self.namespace)),
            ("operation", json!(self.operation)),
            ("userInfo", json!({"username": self.user, "groups": self.groups})),
            ("object", self.object.clone()),
            ("oldObject", self.old_object.clone()),
            ("dryRun", json!(self.dry_run)),
            ("options", Value::Null),
        ];
        let fields: Vec<_> = fields
            .iter()
            .filter(|(_, value)| *value != "")
            .map(|(name, value)| format!("{name:?}:{value}"))
            .collect();
        let start = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":"#;
        format!("{start}{{{}}}}}\n", fields.join(","))
    }
}

static OBJECTS: LazyLock<BTreeMap<String, Value>> =
    LazyLock::new(|| serde_saphyr::from_str(include_str!("objects.yaml")).unwrap());

/// The object with this name in `objects.yaml`.
pub(crate) fn object(name: &str) -> Value {
    OBJECTS.get(name).unwrap_or_else(|| panic!("objects.yaml has no {name}")).clone()
}

fn filled(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => object(name),
            None => value.clone(),
        },
        Value::Array(list) => list.iter().map(filled).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), filled(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
