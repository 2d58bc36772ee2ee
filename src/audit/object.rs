//! An object of a list, reduced to what an audit needs besides its pod.

use std::{collections::BTreeMap, marker::PhantomData};

use serde::{Deserialize, Deserializer};

use policy::{
    findings::lint,
    json,
    pss::{List, OwnerReference, Text, or_default},
};

#[derive(Debug, Deserialize)]
pub(super) struct ListedObject<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) metadata: ObjectMetadata<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectMetadata<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) namespace: Text<'a>,
    #[serde(borrow, default)]
    pub(super) uid: Text<'a>,
    #[serde(borrow, default)]
    pub(super) owner_references: List<OwnerReference<'a>>,
    #[serde(default, deserialize_with = "kept")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "kept")]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Spec {
    /// Of a ReplicaSet: 0 for one that is kept for a roll-back.
    #[serde(default)]
    pub(super) replicas: Option<i64>,
}

impl<'a> ListedObject<'a> {
    /// Parses an object.
    ///
    /// # Errors
    /// Invalid JSON.
    pub(super) fn read(json: &'a str) -> Result<Self, serde_json::Error> {
        json::from_untrusted(json, PhantomData)
    }

    /// The controller, if any. Ignores a Node: static pods of one node have nothing else in common.
    pub(super) fn owner(&self) -> Option<&OwnerReference<'a>> {
        let mut owners = self.metadata.owner_references.iter();
        let owner = owners.find(|owner| owner.controller == Some(true))?;
        let is_node = owner.api_version == "v1" && owner.kind == "Node";
        (!is_node).then_some(owner)
    }
}

/// The labels or annotations that audits read; all others are dropped.
fn kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let all = Option::<BTreeMap<Text<'de>, Text<'de>>>::deserialize(deserializer)?;
    let is_kept = |key: &str| lint::is_of_policy(key) || key == lint::LAST_APPLIED;
    let kept = all.unwrap_or_default().into_iter().filter(|(key, _)| is_kept(key));
    Ok(kept.map(|(key, value)| (key.to_string(), value.to_string())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_with_its_manager_alone() {
        let text = r#"{"metadata":{"name":"web-1","namespace":"shop","uid":"7","labels":{"app":"web",
            "pod-security.kubernetes.io/warn":"baseline"},"annotations":null,"ownerReferences":[
            {"apiVersion":"example.org/v1","kind":"Cart","name":"x","uid":"1"},
            {"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web","uid":"2","controller":true}]},"spec":{"replicas":0}}"#;
        let object = ListedObject::read(text).unwrap();
        assert_eq!((&*object.metadata.name, &*object.metadata.uid), ("web-1", "7"));
        assert_eq!(object.owner().map(|owner| &*owner.name), Some("web"));
        assert_eq!(object.spec.replicas, Some(0));
        let labels = object.metadata.labels;
        assert_eq!(labels.into_keys().collect::<Vec<_>>(), ["pod-security.kubernetes.io/warn"]);
    }

    #[test]
    fn a_static_pod_stands_for_itself() {
        let owned = |api_version: &str| {
            format!(
                r#"{{"metadata":{{"ownerReferences":[{{"apiVersion":"{api_version}","kind":"Node","controller":true}}]}}}}"#
            )
        };
        assert!(ListedObject::read(&owned("v1")).unwrap().owner().is_none());
        assert!(ListedObject::read(&owned("example.org/v1")).unwrap().owner().is_some());
        assert!(ListedObject::read("{}").unwrap().owner().is_none());
    }
}
