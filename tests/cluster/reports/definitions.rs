//! The definitions of the two kinds of reports with their documented fields: the API server drops all others.

use serde_json::{Value, json};

use crate::support::{
    user::User,
    wait::{PATIENCE, until},
};

pub(crate) const OPEN_REPORTS: &str = "/apis/openreports.io/v1alpha1/reports";
pub(crate) const POLICY_REPORTS: &str = "/apis/wgpolicyk8s.io/v1alpha2/policyreports";

/// Creates the definition of `openreports.io/v1alpha1` Reports.
pub(crate) async fn define_open_reports(admin: &User) {
    let source = json!({"source": {"type": "string"}});
    let definition = definition("openreports.io", "v1alpha1", "Report", "reports", &source);
    define(admin, &definition, OPEN_REPORTS).await;
}

/// Creates the definition of `wgpolicyk8s.io/v1alpha2` PolicyReports.
pub(crate) async fn define_policy_reports(admin: &User) {
    let kind = ("PolicyReport", "policyreports");
    let definition = definition("wgpolicyk8s.io", "v1alpha2", kind.0, kind.1, &json!({}));
    define(admin, &definition, POLICY_REPORTS).await;
}

async fn define(admin: &User, definition: &Value, path: &str) {
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    admin.create(definitions, definition).await.granted();
    until(path, PATIENCE, async || (admin.get(path).await.code == 200).then_some(())).await;
}

fn definition(group: &str, version: &str, kind: &str, plural: &str, more: &Value) -> Value {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let reference = json!({"type": "object", "properties": {
        "apiVersion": text, "kind": text, "namespace": text, "name": text, "uid": text,
    }});
    let result = json!({"type": "object", "required": ["policy"], "properties": {
        "source": text, "policy": text, "rule": text, "category": text, "message": text,
        "severity": {"type": "string", "enum": ["critical", "high", "low", "medium", "info"]},
        "result": {"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]},
        "scored": {"type": "boolean"},
        "properties": {"type": "object", "additionalProperties": text},
        "resources": {"type": "array", "items": reference},
    }});
    let mut properties = json!({
        "apiVersion": text,
        "kind": text,
        "metadata": {"type": "object"},
        "scope": reference,
        "summary": {"type": "object", "properties": {
            "pass": number, "fail": number, "warn": number, "error": number, "skip": number,
        }},
        "results": {"type": "array", "items": result},
    });
    for (name, schema) in more.as_object().unwrap() {
        properties[name] = schema.clone();
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            // API groups under k8s.io need an approval.
            "annotations": {"api-approved.kubernetes.io": "unapproved, a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.to_lowercase(),
            },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
            }],
        },
    })
}
