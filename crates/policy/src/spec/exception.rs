//! The spec of a PolicyException. Everything is bounded to keep the cost of the CEL rules within the API server's budget.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{
    dns,
    exceptions::{Namespaces, OwnerKind},
    rules::ImagePattern,
};

use super::{
    Allow, List, Set, Time,
    list::{Collection, wrong},
    text::one_of,
};

/// Maximum number of elements in a list of `match`.
const MAX_SELECTORS: usize = 64;
/// Maximum number of labels in `match`.
const MAX_LABELS: usize = 16;
/// Maximum length of `reason`, in characters.
const MAX_REASON: usize = 1024;
/// Maximum length of `owner`, in characters.
const MAX_OWNER: usize = 256;

/// What certain workloads may do beyond their namespace's policy, why, who answers for it, and until when.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyException {
    /// The workloads that it is for. All fields that are set must fit; of a list, one element.
    #[serde(rename = "match")]
    pub matches: Match,
    /// What they may do: exactly that, and nothing else.
    pub allow: Allow<1>,
    /// Why they must.
    pub reason: Reason,
    /// Who answers for it.
    pub owner: Owner,
    /// Expiry time, such as 2027-01-31T00:00:00Z. Required unless the configuration says otherwise.
    #[serde(default)]
    pub expires: Option<Time>,
}

/// The workloads that an exception is for.
// A field that is not known was to narrow it: where that would be dropped, the API server keeps it, and we refuse it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Match {
    /// Names of namespaces; "*" stands for any characters.
    pub namespaces: List<Namespaces, MAX_SELECTORS, 1>,
    /// The accounts that the pods run as, as namespace:name; "*" stands for any characters.
    #[serde(default)]
    pub service_accounts: Set<Account, MAX_SELECTORS, 1>,
    /// Images, compared as references: registry, repository, tag and digest, completed as Docker does; "*" stands for any
    /// characters within one of these. Only containers that run one of them are excepted.
    #[serde(default)]
    pub images: Set<ImagePattern, MAX_SELECTORS, 1>,
    /// What makes the pods. It counts only when that kind's own controller asks for them. Pods of a Deployment or a
    /// CronJob are known by the name of their ReplicaSet or Job, which anyone who can create these chooses.
    #[serde(default)]
    pub owners: List<Owners, MAX_SELECTORS, 1>,
    /// Labels of the pods. The author of a pod sets them: they distinguish workloads, and protect nothing.
    #[serde(default)]
    pub pod_labels: PodLabels,
}

/// Controllers, by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Owners(pub BTreeSet<(OwnerKind, String)>);

/// A controller.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Controller {
    /// Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob or ReplicationController.
    kind: OwnerKind,
    /// Its name.
    name: ControllerName,
}

impl Collection for Owners {
    type Item = Controller;

    const KIND: &'static str = "map";

    const KEYS: &'static [&'static str] = &["kind", "name"];

    fn add(&mut self, Controller { kind, name }: Controller) -> Result<(), String> {
        let twice = wrong(&name.0, "must not be listed twice");
        self.0.insert((kind, name.0)).then_some(()).ok_or(twice)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        Controller::json_schema(generator)
    }
}

impl Collection for Namespaces {
    type Item = String;

    fn add(&mut self, name: String) -> Result<(), String> {
        Self::add(self, &name).map_err(|why| wrong(&name, why))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": 63, "pattern": "^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$"})
    }
}

/// Labels, at least one if they are set.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<LabelName, LabelValue>")]
#[schemars(with = "BTreeMap<String, LabelValue>", extend("minProperties" = 1, "maxProperties" = MAX_LABELS))]
pub struct PodLabels(pub BTreeMap<LabelName, LabelValue>);

impl TryFrom<BTreeMap<LabelName, LabelValue>> for PodLabels {
    type Error = String;

    fn try_from(labels: BTreeMap<LabelName, LabelValue>) -> Result<Self, String> {
        match labels.len() {
            0 => Err("must not be empty".to_owned()),
            1..=MAX_LABELS => Ok(Self(labels)),
            _ => Err(format!("must have at most {MAX_LABELS} labels")),
        }
    }
}

texts! {
    /// Why the workloads must.
    pub Reason: |text| is_said(text, MAX_REASON) => format!("must not be empty, and at most {MAX_REASON} characters long"),
        json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_REASON, "pattern": r"\S"});
    /// Who answers for an exception.
    pub Owner: |text| is_said(text, MAX_OWNER) => format!("must not be empty, and at most {MAX_OWNER} characters long"),
        json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_OWNER, "pattern": r"\S"});
    /// A service account, or a pattern of several.
    pub Account: is_account => "must be namespace:name, each a name or a pattern",
        json_schema!({"type": "string", "maxLength": 253, "pattern": "^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?:[a-z0-9*]([-.a-z0-9*]*[a-z0-9*])?$"});
    /// The name of a controller.
    ControllerName: dns::is_subdomain => "must be the name of such an object",
        json_schema!({"type": "string", "maxLength": 253, "pattern": "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"});
    /// The key of a label.
    pub LabelName: dns::is_label_key => "must be a key that a label can have", json_schema!({"type": "string"});
    /// The value of a label.
    pub LabelValue: dns::is_label_value => "must be a value that a label can have: patterns are not known here",
        json_schema!({"type": "string", "maxLength": 63, "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"});
}

written! {
    OwnerKind: one_of(OwnerKind::ALL.map(OwnerKind::as_str));
    ImagePattern: json_schema!({"type": "string", "minLength": 1, "maxLength": 253, "pattern": r"^[-A-Za-z0-9._:@/*\[\]]+$"});
}

fn is_said(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most
}

fn is_account(text: &str) -> bool {
    text.split_once(':').is_some_and(|(namespace, name)| {
        dns::is_label_pattern(namespace)
            && dns::is_subdomain_pattern(name)
            && crate::pattern::Pattern::parse(text).is_ok()
    })
}
