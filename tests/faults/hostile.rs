//! Requests of untrusted clients that should make the server slow or large.

use std::fmt::Write as _;

/// All hardening and every rule, which makes a review most expensive.
pub(crate) const EVERYTHING: &str = r#"
apiVersion: portcullis.dev/v1alpha1
kind: Configuration
defaults: {enforce: restricted, audit: restricted, warn: restricted}
harden:
  mode: apply
  readOnlyRootFilesystem: true
  emptyDirs: [/tmp, /var/run, /var/cache]
  automountServiceAccountToken: false
  appArmorProfile: RuntimeDefault
  hostUsers: false
  resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 256Mi}}
rules:
  readOnlyRootFilesystem: enforce
  serviceAccountToken: enforce
  defaultServiceAccount: enforce
  appArmorProfile: enforce
  seccompLocalhost: {mode: enforce, allowed: ["profiles/*.json"]}
  seLinux: {mode: enforce, allowed: [container_t, "svirt_*"]}
  resources: {mode: enforce, requests: [cpu, memory], limits: [memory], max: {memory: 4Gi}}
  imageRegistries: {mode: enforce, allowed: [registry.example.com]}
  imageTag: enforce
  imageDigest: warn
  runAsGroup: enforce
  runAsUserRange: {mode: enforce, ranges: ["1000-65535"]}
  userNamespaces: audit
  addedCapabilities: {mode: enforce, allowed: [NET_BIND_SERVICE]}
  hostPaths: {mode: enforce, allowed: [{path: /var/log, readOnly: true}]}
  hostPorts: {mode: enforce, allowed: [9100, "30000-30010"]}
"#;

/// The maximum number of elements of a list.
const LIST: usize = 16_384;

/// The creation of a pod with this spec, with fields in the order of the API server.
pub(crate) fn pod(spec: &str) -> Vec<u8> {
    review("pods", "CREATE", &format!(r#"{{"metadata":{{"name":"x"}},"spec":{spec}}}"#), "null")
}

/// An update of a namespace that makes it enforce restricted.
pub(crate) fn tightened(namespace: &str) -> Vec<u8> {
    let object = |level: &str| {
        let label = format!(r#"{{"pod-security.kubernetes.io/enforce":"{level}"}}"#);
        format!(r#"{{"metadata":{{"name":"{namespace}","labels":{label}}}}}"#)
    };
    let review = review("namespaces", "UPDATE", &object("restricted"), &object("privileged"));
    String::from_utf8(review).unwrap().replace("\"web\"", &format!("\"{namespace}\"")).into()
}

fn review(resource: &str, operation: &str, object: &str, old: &str) -> Vec<u8> {
    let resource = format!(r#"{{"group":"","version":"v1","resource":"{resource}"}}"#);
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"1","resource":{resource},"name":"web","namespace":"web","operation":"{operation}","userInfo":{{"username":"eve"}},"object":{object},"oldObject":{old},"dryRun":false}}}}"#
    )
    .into_bytes()
}

/// A container with a name of this length and this number of host ports (A1).
pub(crate) fn long_name(name: usize, ports: usize) -> String {
    let name = "n".repeat(name);
    format!(r#"{{"name":"{name}","image":"a","ports":[{}]}}"#, host_ports(ports))
}

/// Containers, each with the maximum number of host ports in a list (A2).
pub(crate) fn lists_of_ports(containers: usize, name: usize) -> String {
    let container = long_name(name, LIST);
    format!(r#"{{"containers":[{}]}}"#, vec![container; containers].join(","))
}

fn host_ports(count: usize) -> String {
    let mut ports = String::new();
    for index in 0..count {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(ports, r#"{comma}{{"containerPort":1,"hostPort":{}}}"#, index + 1);
    }
    ports
}

/// The maximum number of sysctls in a list (A2).
pub(crate) fn sysctls() -> String {
    let sysctls: Vec<_> =
        (0..LIST).map(|index| format!(r#"{{"name":"kernel.a{index}","value":"1"}}"#)).collect();
    let sysctls = sysctls.join(",");
    format!(r#"{{"securityContext":{{"sysctls":[{sysctls}]}},"containers":[{{"name":"a"}}]}}"#)
}

/// A mount path of this length, with half as many segments (A4).
pub(crate) fn long_path(bytes: usize) -> String {
    let path = "/a".repeat(bytes / 2);
    format!(
        r#"{{"volumes":[{{"name":"v","emptyDir":{{}}}}],"containers":[{{"name":"a","image":"a","volumeMounts":[{{"name":"v","mountPath":"{path}"}}]}}]}}"#
    )
}

/// The maximum number of containers, each with many violations, of this size together.
pub(crate) fn containers(bytes: usize) -> String {
    let image = "i".repeat((bytes / LIST).saturating_sub(150));
    let all: Vec<_> = (0..LIST)
        .map(|index| {
            format!(
                r#"{{"name":"c{index}","image":"{image}","ports":[{{"hostPort":{}}}],"securityContext":{{"privileged":true,"capabilities":{{"add":["SYS_ADMIN"]}}}}}}"#,
                index + 1
            )
        })
        .collect();
    format!(r#"{{"hostNetwork":true,"containers":[{}]}}"#, all.join(","))
}

/// Escapes in strings that are read and in strings that are skipped.
pub(crate) fn escapes(bytes: usize) -> String {
    let (image, text) = ("\\u003c".repeat(bytes / 12), "<".repeat(bytes / 2));
    format!(r#"{{"containers":[{{"name":"a","image":"{image}","unknown":"{text}"}}]}}"#)
}

/// A stored pod of this size, mostly an annotation, with many violations.
pub(crate) fn stored_pod(bytes: usize) -> String {
    let text = "<".repeat(bytes);
    format!(
        r#"{{"metadata":{{"name":"NAME","annotations":{{"a":"{text}"}}}},"spec":{{"hostNetwork":true,"containers":[{{"name":"a","image":"a"}}]}}}}"#
    )
}
