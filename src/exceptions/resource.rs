//! The object as users write it: `portcullis.dev/v1alpha1` PolicyException.
//! `charts/portcullis/files/policyexceptions.yaml` is generated from these types, and the doc comments become its
//! descriptions.
//!
//! Everything is bounded to keep the cost of the CEL rules within the API server's budget. [`compile`](super::compile)
//! rejects what the schema cannot express, and the status reports it.
#![allow(
    clippy::duplicated_attributes,
    unreachable_pub,
    reason = "each column has a name and a type, and kube's derives make types of their own"
)]

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// What certain workloads may do beyond their namespace's policy, why, who answers for it, and until when.
#[derive(CustomResource, KubeSchema, Clone, Debug, Serialize, Deserialize)]
#[kube(
    group = "portcullis.dev",
    version = "v1alpha1",
    kind = "PolicyException",
    plural = "policyexceptions",
    shortname = "ppex",
    namespaced,
    status = "PolicyExceptionStatus",
    doc = "What certain workloads may do beyond their namespace's policy. It is honoured only in the namespaces that the configuration lists, Portcullis' own by default.",
    printcolumn(name = "Owner", type_ = "string", json_path = ".spec.owner"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expires"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Covers", type_ = "integer", json_path = ".status.covers"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyExceptionSpec {
    /// The workloads that it is for. All fields that are set must fit; of a list, one element.
    #[serde(rename = "match")]
    pub matches: MatchSpec,
    /// What they may do: exactly that, and nothing else.
    pub allow: AllowSpec,
    /// Why they must.
    #[schemars(schema_with = "schema::reason")]
    pub reason: String,
    /// Who answers for it.
    #[schemars(schema_with = "schema::owner")]
    pub owner: String,
    /// From this moment on it is not there, such as 2027-01-31T00:00:00Z. Demanded unless the configuration says
    /// otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::expires")]
    pub expires: Option<String>,
}

/// The workloads that an exception is for.
// A field that is not known was to narrow it: where that would be dropped, the API server keeps it, and we refuse it.
#[derive(JsonSchema, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct MatchSpec {
    /// Names of namespaces; "*" stands for any characters.
    #[schemars(schema_with = "schema::namespaces")]
    pub namespaces: Vec<String>,
    /// The accounts that the pods run as, as namespace:name; "*" stands for any characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::service_accounts")]
    pub service_accounts: Vec<String>,
    /// Images, compared as references: registry, repository, tag and digest, completed as Docker does; "*" stands for any
    /// characters within one of these. Only containers that run one of them are excepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::images")]
    pub images: Vec<String>,
    /// What makes the pods. It counts only when that kind's own controller asks for them. Pods of a Deployment or a
    /// CronJob are known by the name of their ReplicaSet or Job, which whoever may make these can choose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::owners")]
    pub owners: Vec<OwnerSpec>,
    /// Labels of the pods. Whoever writes a pod sets them: they tell workloads apart, and protect nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::pod_labels")]
    pub pod_labels: BTreeMap<String, String>,
}

/// A controller.
#[derive(JsonSchema, Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OwnerSpec {
    /// Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob or ReplicationController.
    #[schemars(schema_with = "schema::owner_kind")]
    pub kind: String,
    /// Its name.
    #[schemars(schema_with = "schema::owner_name")]
    pub name: String,
}

/// What an exception allows.
#[derive(KubeSchema, Clone, Debug, Default, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("has(self.capabilities) || has(self.hostPaths) || has(self.hostPorts) || has(self.hostNamespaces) || has(self.volumeTypes) || has(self.sysctls) || has(self.controls)")
        .message("must allow something"),
    validation = Rule::new("!has(self.controls) || !has(self.capabilities) || !('capabilities_baseline' in self.controls)")
        .message("capabilities must not be set where controls lists capabilities_baseline: that allows all of them"),
    validation = Rule::new("!has(self.controls) || !has(self.hostPaths) || !('hostPathVolumes' in self.controls)")
        .message("hostPaths must not be set where controls lists hostPathVolumes: that allows all of them"),
    validation = Rule::new("!has(self.controls) || !has(self.hostPorts) || !('hostPorts' in self.controls)")
        .message("hostPorts must not be set where controls lists hostPorts: that allows all of them"),
    validation = Rule::new("!has(self.controls) || !has(self.hostNamespaces) || !('hostNamespaces' in self.controls)")
        .message("hostNamespaces must not be set where controls lists hostNamespaces: that allows all of them"),
    validation = Rule::new("!has(self.controls) || !has(self.sysctls) || !('sysctls' in self.controls)")
        .message("sysctls must not be set where controls lists sysctls: that allows all of them")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowSpec {
    /// Capabilities that containers may add, such as NET_RAW.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::capabilities")]
    pub capabilities: Vec<String>,
    /// Directories of the node that may be mounted, with what is below them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::host_paths")]
    pub host_paths: Vec<HostPathSpec>,
    /// Ports of the node, such as 9100 or "30000-30010".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::host_ports")]
    pub host_ports: Vec<PortSpec>,
    /// Namespaces of the node: network, pid, ipc.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::host_namespaces")]
    pub host_namespaces: Vec<String>,
    /// Sources of volumes, by the name of their field, such as nfs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::volume_types")]
    pub volume_types: Vec<String>,
    /// Sysctls, by their whole names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::sysctls")]
    pub sysctls: Vec<String>,
    /// Controls and rules that need not be met at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::controls")]
    pub controls: Vec<String>,
}

/// A directory of the node, and what is below it.
#[derive(JsonSchema, Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HostPathSpec {
    /// An absolute path.
    #[schemars(schema_with = "schema::host_path")]
    pub path: String,
    /// Whether every mount of it must say readOnly: true.
    #[serde(default)]
    pub read_only: bool,
}

/// Ports of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be a port, or a range such as \"30000-30010\"")]
pub enum PortSpec {
    /// One.
    Port(i64),
    /// One, or a range.
    Range(String),
}

impl std::fmt::Display for PortSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(port) => port.fmt(f),
            Self::Range(range) => range.fmt(f),
        }
    }
}

/// What became of it: written by the leader of Portcullis' replicas.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyExceptionStatus {
    /// Active, Ending, Expired, Invalid or Ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::state")]
    pub state: Option<State>,
    /// Why it is not active, or what there is to say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::message")]
    pub message: Option<String>,
    /// How many workloads it covers now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub covers: Option<u32>,
    /// The generation of the object that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::count")]
    pub observed_generation: Option<i64>,
}

/// What becomes of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// It is in force.
    Active,
    /// It is in force, and its last seven days have begun.
    Ending,
    /// Its time is over.
    Expired,
    /// It says something that cannot be, and nothing of it holds.
    Invalid,
    /// It is not honoured where it is, or one of too many.
    Ignored,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Ending, Self::Expired, Self::Invalid, Self::Ignored];

    /// As the status says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Ending => "Ending",
            Self::Expired => "Expired",
            Self::Invalid => "Invalid",
            Self::Ignored => "Ignored",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use kube::{CustomResourceExt as _, Resource as _};
    use serde_json::{Value, json};

    use super::*;

    const FILE: &str = "charts/portcullis/files/policyexceptions.yaml";
    const HEAD: &str = "\
# PolicyExceptions, made from the types in src/exceptions/resource.rs by `just crd`; do not edit.
#
#   kubectl apply --server-side -f policyexceptions.yaml
";

    /// Rewrites the definition with `PORTCULLIS_REWRITE=1`.
    #[test]
    fn the_chart_s_definition_is_made_from_these_types() {
        let mut definition = serde_json::to_value(PolicyException::crd()).unwrap();
        // Includes the API server's defaults, so that several tools can apply it without a difference.
        definition["spec"]["conversion"] = json!({"strategy": "None"});
        definition["spec"]["names"]["listKind"] = json!("PolicyExceptionList");
        let expected = format!("{HEAD}{}", serde_saphyr::to_string(&definition).unwrap());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        if env::var("PORTCULLIS_REWRITE").is_ok_and(|value| value == "1") {
            fs::write(&file, &expected).unwrap();
        }
        let is = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            is == expected,
            "{FILE} is not what its types say: run `just crd`, and look at the difference"
        );
    }

    #[test]
    fn it_is_called_as_documented() {
        assert_eq!(PolicyException::api_version(&()), "portcullis.dev/v1alpha1");
        assert_eq!(PolicyException::crd_name(), "policyexceptions.portcullis.dev");
    }

    /// The bounds keep the cost within the API server's budget.
    #[test]
    fn every_list_map_and_text_is_bounded() {
        fn look(schema: &Value, path: &str) {
            let of = |name: &str| &schema[name];
            match of("type").as_str() {
                Some("array") => assert!(of("maxItems").is_u64(), "{path}"),
                Some("string") => {
                    assert!(of("maxLength").is_u64() || of("enum").is_array(), "{path}");
                }
                Some("object") if of("properties").is_null() => {
                    assert!(of("maxProperties").is_u64(), "{path}");
                }
                _ => {}
            }
            for (name, schema) in of("properties").as_object().into_iter().flatten() {
                look(schema, &format!("{path}.{name}"));
            }
            for inner in ["items", "additionalProperties"] {
                if of(inner).is_object() {
                    look(of(inner), &format!("{path}.{inner}"));
                }
            }
        }
        let definition = serde_json::to_value(PolicyException::crd()).unwrap();
        let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
        assert!(
            root["spec"]["properties"]["allow"]["properties"]["hostPorts"].is_object(),
            "{root:#}"
        );
        look(&root["spec"], "spec");
        look(&root["status"], "status");
    }
}
