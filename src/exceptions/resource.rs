//! PolicyExceptions in a cluster: where they are, and their status.
//!
//! `charts/portcullis/files/policyexceptions.yaml` is generated from [`PolicyException`](policy::spec::PolicyException) and
//! [`PolicyExceptionStatus`], and the doc comments become its descriptions. [`compile`](super::compile) rejects what the
//! schema cannot express, and the status reports it.

use kube::api::{ApiResource, GroupVersionKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Where the API server has them.
pub(super) fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("portcullis.dev", "v1alpha1", "PolicyException");
    ApiResource::from_gvk_with_plural(&kind, "policyexceptions")
}

fn state(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": State::ALL.map(State::as_str)})
}

/// What became of it: written by the leader of Portcullis' replicas.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyExceptionStatus {
    /// Active, Ending, Expired, Invalid or Ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "state")]
    pub state: Option<State>,
    /// Why it is not active, or what there is to say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
    /// How many workloads it covers now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = 0))]
    pub covers: Option<u32>,
    /// The generation of the object that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = 0))]
    pub observed_generation: Option<i64>,
}

policy::words! {
    /// What becomes of an exception.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum State {
        /// It is in force.
        Active = "Active",
        /// It is in force, and its last seven days have begun.
        Ending = "Ending",
        /// Its time is over.
        Expired = "Expired",
        /// It says something that cannot be, and nothing of it holds.
        Invalid = "Invalid",
        /// It is not honoured where it is, or one of too many.
        Ignored = "Ignored",
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use policy::spec::{PolicyException, structural_schema_of};
    use serde_json::{Value, json};

    use super::*;

    const FILE: &str = "charts/portcullis/files/policyexceptions.yaml";
    const HEAD: &str = "\
# PolicyExceptions, made from the types in crates/policy/src/spec by `just crd`; do not edit.
#
#   kubectl apply --server-side -f policyexceptions.yaml
";

    fn definition() -> Value {
        let column = |name, kind, path| json!({"name": name, "type": kind, "jsonPath": path});
        let mut status = structural_schema_of::<PolicyExceptionStatus>();
        status["nullable"] = true.into();
        let schema = json!({
            "description": "What certain workloads may do beyond their namespace's policy. It is honoured only in the namespaces that the configuration lists, Portcullis' own by default.",
            "properties": {"spec": structural_schema_of::<PolicyException>(), "status": status},
            "required": ["spec"],
            "title": "PolicyException",
            "type": "object",
        });
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "policyexceptions.portcullis.dev"},
            // With the API server's defaults, so that several tools can apply it without a difference.
            "spec": {
                "conversion": {"strategy": "None"},
                "group": resource().group,
                "names": {
                    "kind": resource().kind,
                    "listKind": "PolicyExceptionList",
                    "plural": resource().plural,
                    "shortNames": ["ppex"],
                    "singular": "policyexception",
                },
                "scope": "Namespaced",
                "versions": [{
                    "additionalPrinterColumns": [
                        column("Owner", "string", ".spec.owner"),
                        column("Expires", "string", ".spec.expires"),
                        column("State", "string", ".status.state"),
                        column("Covers", "integer", ".status.covers"),
                        column("Age", "date", ".metadata.creationTimestamp"),
                    ],
                    "name": resource().version,
                    "schema": {"openAPIV3Schema": schema},
                    "served": true,
                    "storage": true,
                    "subresources": {"status": {}},
                }],
            },
        })
    }

    /// Rewrites the definition with `PORTCULLIS_REWRITE=1`.
    #[test]
    fn the_chart_s_definition_is_made_from_these_types() {
        let expected = format!("{HEAD}{}", serde_saphyr::to_string(&definition()).unwrap());
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
        let definition = definition();
        let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
        assert!(
            root["spec"]["properties"]["allow"]["properties"]["hostPorts"].is_object(),
            "{root:#}"
        );
        look(&root["spec"], "spec");
        look(&root["status"], "status");
    }
}
