//! Containers in objects of kinds that are not in the table of workloads, which are therefore not judged.

use memchr::memmem;
use serde_json::Value as Json;

use super::{Manifest, path::Path};

/// Groups of policies, whose patterns resemble containers and run nothing.
const POLICIES: [&str; 4] =
    ["kyverno.io", "gatekeeper.sh", "admissionregistration.k8s.io", "kubewarden.io"];
/// The fields beside `image` by which an object under any key is a container.
const BESIDE_IMAGE: [&str; 8] =
    ["args", "command", "env", "envFrom", "ports", "resources", "securityContext", "volumeMounts"];

impl Manifest<'_> {
    /// The path of the first container in an object that describes no known pod. None if it seems to run nothing.
    pub fn unjudged_container(&self) -> Option<String> {
        let group = self.identity.group();
        let is_policy = |policies: &str| {
            let above = group.strip_suffix(policies);
            above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
        };
        if !self.pods.is_empty() || POLICIES.iter().any(|policies| is_policy(policies)) {
            return None;
        }
        let text = self.value.text().as_bytes();
        // Most objects have none: a ConfigMap, a Service. A key may contain escapes, but no tool writes them.
        memmem::find(text, b"image")?;
        let object = self.value.json().ok()?;
        let below = |key: &&str| find(object.get(key)?, &Path::default().key(key));
        ["spec", "template"].iter().find_map(below).map(|found| found.to_string())
    }
}

/// The first container at or below a value.
fn find(value: &Json, path: &Path) -> Option<Path> {
    match value {
        Json::Object(fields) => fields.iter().find_map(|(key, value)| {
            let below = path.clone().key(key);
            let is_list = key.ends_with("ontainers");
            let first = value.as_array().filter(|_| is_list).and_then(|items| {
                items.iter().position(|item| item.get("image").is_some_and(Json::is_string))
            });
            match first {
                Some(index) => Some(below.index(index)),
                None if is_container(value) => Some(below),
                None => find(value, &below),
            }
        }),
        Json::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let below = path.clone().index(index);
            if is_container(item) { Some(below) } else { find(item, &below) }
        }),
        _ => None,
    }
}

fn is_container(value: &Json) -> bool {
    let is_image = value.get("image").is_some_and(Json::is_string);
    is_image && BESIDE_IMAGE.iter().any(|field| value.get(field).is_some())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use policy::workloads::Kinds;

    use crate::{Reading, read};

    fn container(api_version: &str, kind: &str, rest: &str) -> Option<String> {
        let text =
            format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n{rest}");
        let mut found = None;
        let Ok(()) = read::<Infallible>(text.as_bytes(), Kinds::default(), |reading| {
            let Reading::Other(manifest) = reading else { panic!("{reading:?}") };
            found = manifest.unjudged_container();
            Ok(())
        });
        found
    }

    #[test]
    fn containers_are_found_wherever_they_are() {
        for (rest, path) in [
            (
                "spec: {pods: [{spec: {containers: [{name: a, image: a}]}}]}",
                "spec.pods[0].spec.containers[0]",
            ),
            ("spec: {sidecar: {image: a, command: [b]}}", "spec.sidecar"),
            ("spec: {steps: [{run: x}, {image: a, env: []}]}", "spec.steps[1]"),
            ("spec: {a.b: {initContainers: [{image: a}]}}", "spec[a.b].initContainers[0]"),
            ("template: {spec: {containers: [{}, {image: a}]}}", "template.spec.containers[1]"),
        ] {
            assert_eq!(container("example.org/v1", "Fleet", rest).as_deref(), Some(path), "{rest}");
        }
    }

    #[test]
    fn what_runs_nothing_is_not_named() {
        for (api_version, kind, rest) in [
            ("v1", "ConfigMap", "data: {pod: 'containers: [{image: a}]'}"),
            ("example.org/v1", "Page", "spec: {image: a.png, title: b}"),
            ("example.org/v1", "Page", "spec: {containers: [{image: {repository: a}}]}"),
            (
                "kyverno.io/v1",
                "ClusterPolicy",
                "spec: {rules: [{spec: {containers: [{image: '*'}]}}]}",
            ),
            ("policies.kyverno.io/v1", "A", "spec: {containers: [{image: '*'}]}"),
            ("v1", "Service", "spec: {ports: [{port: 80}]}"),
        ] {
            assert_eq!(container(api_version, kind, rest), None, "{kind} {rest}");
        }
    }
}
