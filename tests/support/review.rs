//! What the API server would send of a manifest, and a policy beside the Standard to judge it by.

use serde_json::{Value, json};

/// Rules, and a profile that the namespace `shop` may take, as they stand in a configuration.
pub(crate) const POLICY: &str = "
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
floor: {level: baseline}
rules:
  readOnlyRootFilesystem: enforce
  imageTag: warn
  serviceAccountToken: enforce
profiles:
  legacy:
    level: baseline
    namespaces: [shop]
    allow:
      capabilities: [NET_ADMIN, SYS_TIME]
      hostNamespaces: [network]
      controls: [rules/serviceAccountToken, privileged]
    require: {imageDigest: enforce}
";

/// The review in which someone creates this object in `shop`.
pub(crate) fn review_of(object: &Value) -> Vec<u8> {
    let kind = object["kind"].as_str().unwrap();
    let group =
        object["apiVersion"].as_str().unwrap().split_once('/').map_or("", |(group, _)| group);
    let request = json!({
        "uid": "1",
        "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": format!("{}s", kind.to_lowercase())},
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "someone"},
        "object": object,
    });
    // As kube-apiserver does: what is asked stands before the object.
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request,
    });
    review.to_string().into_bytes()
}
