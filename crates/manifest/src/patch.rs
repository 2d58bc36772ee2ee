//! Patches look like workloads but only change one: those of kustomize and of `kubectl patch`. They are not judged, but
//! their results are: a patch omits fields that are set elsewhere, and additions to it would override those.

use std::{fmt, marker::PhantomData};

use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};

use policy::{
    findings::Identity,
    pss::{Place, or_default},
    workloads::{HeldPod, Target},
};

use super::{Line, value::Value};

/// A document, or an item of a list, that is a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The line on which it starts.
    pub line: Line,
    /// The object that it changes. None for a JSON patch, which names none.
    pub identity: Option<Identity>,
    /// How it was recognised.
    pub sign: Sign,
}

/// The sign of a patch: no API server would accept the document as an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A list of operations (RFC 6902).
    Operations,
    /// A directive of a strategic merge patch, such as `$patch`.
    Directive(&'static str),
    /// A controller of `apps/v1` that selects no pods.
    NoSelector,
    /// A controller without a template.
    NoTemplate,
    /// A template without containers.
    NoContainers,
    /// A container without an image, by its name in messages.
    NoImage(String),
}

/// `Deployment shop/web is a patch: container "web" has no image`.
impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "{identity} is a patch: {}", self.sign),
            None => write!(f, "it is a patch: {}", self.sign),
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operations => f.write_str("it is a list of operations"),
            Self::Directive(key) => write!(f, "it has the directive {key}"),
            Self::NoSelector => f.write_str("it has no spec.selector"),
            Self::NoTemplate => f.write_str("it has no pod template"),
            Self::NoContainers => f.write_str("its pod has no containers"),
            Self::NoImage(place) => write!(f, "{place} has no image"),
        }
    }
}

/// Directives of strategic merge patches, including prefixes of those that name a field
/// (`apimachinery/pkg/util/strategicpatch/patch.go`).
const DIRECTIVES: [&str; 4] =
    ["$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/"];

/// Maps with arbitrary keys, which cannot contain a workload (CSIVolumeSource, FlexVolumeSource).
const FREE: [&str; 2] = ["volumeAttributes", "options"];

/// The directive anywhere in an object, if any.
pub(super) fn directive(object: Value<'_>) -> Option<Sign> {
    // Most manifests have none. A key may contain its `$` as an escape.
    let signs = DIRECTIVES.into_iter().chain([r"\u0024", r"\U00000024", r"\x24"]);
    let text = object.text().as_bytes();
    let may_be = signs.into_iter().any(|sign| memmem::find(text, sign.as_bytes()).is_some());
    in_value(&may_be.then(|| object.json().ok())??).map(Sign::Directive)
}

fn in_value(value: &serde_json::Value) -> Option<&'static str> {
    match value {
        serde_json::Value::Object(map) => map.iter().find_map(|(key, value)| {
            let is_it = |directive: &&&str| match directive.ends_with('/') {
                true => key.starts_with(**directive),
                false => key == **directive,
            };
            let inside = || if FREE.contains(&&**key) { None } else { in_value(value) };
            DIRECTIVES.iter().find(is_it).copied().or_else(inside)
        }),
        serde_json::Value::Array(items) => items.iter().find_map(in_value),
        _ => None,
    }
}

/// The field that an object lacks and its API requires.
pub(super) fn lacking(
    api_version: &str,
    target: Target<'_>,
    object: Value<'_>,
    pods: &[HeldPod<'_>],
) -> Option<Sign> {
    if let Target::Workload(kind) = target {
        if kind.may_lack_images() {
            return None;
        }
        if kind.is_built_in() {
            if needs_selector(api_version, &kind.kind) && !has_selector(object) {
                return Some(Sign::NoSelector);
            }
            let Some(HeldPod { pod, .. }) = pods.first() else { return Some(Sign::NoTemplate) };
            if pod.spec.containers.is_empty() {
                return Some(Sign::NoContainers);
            }
        }
    }
    pods.iter().find_map(|HeldPod { pod, .. }| {
        let without = pod.containers().find(|(_, container)| container.image.is_empty());
        without.map(|(place, _): (Place, _)| Sign::NoImage(place.describe(pod)))
    })
}

/// Older versions of these default it to the template's labels, and a ReplicationController still does.
fn needs_selector(api_version: &str, kind: &str) -> bool {
    matches!(api_version, "apps/v1" | "apps/v1beta2")
        && matches!(kind, "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
}

fn has_selector(object: Value<'_>) -> bool {
    #[derive(Default, Deserialize)]
    struct Object {
        #[serde(default, deserialize_with = "or_default")]
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    struct Spec {
        #[serde(default)]
        selector: Option<IgnoredAny>,
    }
    // Unreadable objects are reported elsewhere.
    let read = object.read(PhantomData::<Object>);
    read.map_or(true, |object| object.spec.selector.is_some())
}

/// Whether a document is a JSON patch.
pub(super) fn is_operations(document: Value<'_>) -> bool {
    #[derive(Deserialize)]
    struct Operation<'a> {
        #[serde(borrow)]
        op: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        path: std::borrow::Cow<'a, str>,
    }
    const OPERATIONS: [&str; 6] = ["add", "copy", "move", "remove", "replace", "test"];
    document.is_list()
        && document.read(PhantomData::<Vec<Operation<'_>>>).is_ok_and(|all| {
            let is_one = |it: &Operation<'_>| {
                OPERATIONS.contains(&&*it.op) && (it.path.is_empty() || it.path.starts_with('/'))
            };
            !all.is_empty() && all.iter().all(is_one)
        })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use policy::workloads::Kinds;

    use crate::{Reading, read};

    /// The sign of each object in a text: empty for objects that are not patches.
    fn signs(text: &str) -> Vec<String> {
        let mut signs = Vec::new();
        let Ok(()) = read::<Infallible>(text.as_bytes(), Kinds::default(), |reading| {
            signs.push(match reading {
                Reading::Patch(patch) => patch.sign.to_string(),
                Reading::Object(_) => String::new(),
                Reading::Other(_) | Reading::Namespace(_) => "ignored".to_owned(),
                Reading::Unreadable(wrong) => panic!("{wrong:?} in {text}"),
            });
            Ok(())
        });
        signs
    }

    fn deployment(spec: &str) -> String {
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n{spec}")
    }

    const SELECTOR: &str = "  selector: {matchLabels: {app: web}}\n";
    const TEMPLATE: &str =
        "  template:\n    spec:\n      containers:\n      - {name: web, image: web}\n";

    #[test]
    fn what_lacks_what_its_api_requires_is_a_patch() {
        let template = |container: &str| TEMPLATE.replace("{name: web, image: web}", container);
        for (spec, sign) in [
            (format!("{SELECTOR}{TEMPLATE}"), ""),
            (format!("  selector: {{}}\n{TEMPLATE}"), ""),
            (TEMPLATE.to_owned(), "it has no spec.selector"),
            (format!("  selector: null\n{TEMPLATE}"), "it has no spec.selector"),
            ("  replicas: 3\n".to_owned(), "it has no spec.selector"),
            (SELECTOR.to_owned(), "it has no pod template"),
            (
                format!("{SELECTOR}  template: {{spec: {{hostNetwork: true}}}}\n"),
                "its pod has no containers",
            ),
            (format!("{SELECTOR}{}", template("{name: web}")), "container \"web\" has no image"),
            (
                format!("{SELECTOR}{}", template("{name: web, image: ''}")),
                "container \"web\" has no image",
            ),
            (
                format!("{SELECTOR}{}", template("{name: web, image: null}")),
                "container \"web\" has no image",
            ),
            (format!("{SELECTOR}{}", template("{name: web, image: ' '}")), ""),
            (
                format!("{SELECTOR}{TEMPLATE}      initContainers: [{{name: db}}]\n"),
                "init container \"db\" has no image",
            ),
        ] {
            assert_eq!(signs(&deployment(&spec)), [sign], "{spec}");
        }
    }

    #[test]
    fn not_every_api_requires_a_selector() {
        for (api_version, kind, sign) in [
            ("apps/v1", "StatefulSet", "it has no spec.selector"),
            ("apps/v1", "DaemonSet", "it has no spec.selector"),
            ("apps/v1", "ReplicaSet", "it has no spec.selector"),
            ("apps/v1beta2", "Deployment", "it has no spec.selector"),
            ("apps/v1beta1", "Deployment", ""),
            ("v1", "ReplicationController", ""),
            ("batch/v1", "Job", ""),
        ] {
            let text = format!("apiVersion: {api_version}\nkind: {kind}\nspec:\n{TEMPLATE}");
            assert_eq!(signs(&text), [sign], "{api_version} {kind}");
        }
        let pod =
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a}]}\n";
        assert_eq!(signs(pod), ["container \"a\" has no image"]);
        assert_eq!(
            signs("apiVersion: batch/v1\nkind: CronJob\nspec: {}\n"),
            ["it has no pod template"]
        );
    }

    #[test]
    fn directives_and_operations_are_patches() {
        let whole = deployment(&format!("{SELECTOR}{TEMPLATE}"));
        let image = "image: web";
        for (directive, sign) in [
            ("$patch: delete", "it has the directive $patch"),
            ("\"$retainKeys\": [type]", "it has the directive $retainKeys"),
            ("$setElementOrder/env: []", "it has the directive $setElementOrder/"),
            (
                "$deleteFromPrimitiveList/args: [a]",
                "it has the directive $deleteFromPrimitiveList/",
            ),
            ("args: [$patch, '$(HOME)', \"$patch: a\"]", ""),
            ("volumes: [{csi: {driver: a, volumeAttributes: {$patch: delete}}}]", ""),
        ] {
            let text = whole.replace(image, &format!("{image}, {directive}"));
            assert_eq!(signs(&text), [sign], "{text}");
        }
        let escaped = r#"{"apiVersion": "v1", "kind": "Pod", "\u0024patch": "delete"}"#;
        assert_eq!(signs(escaped), ["it has the directive $patch"]);
        let operations = "it is a list of operations";
        for text in [
            "- op: replace\n  path: /spec/replicas\n  value: 3\n- {op: remove, path: /metadata}\n",
            "[{\"op\": \"add\", \"path\": \"\", \"value\": {}}]",
        ] {
            assert_eq!(signs(text), [operations], "{text}");
        }
        assert_eq!(
            signs(&format!("{whole}---\n- {{op: test, path: /a}}\n---\n{whole}")),
            ["", operations, ""]
        );
    }

    #[test]
    fn items_of_lists_are_patches_one_by_one() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a}]}}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {containers: [{name: a}]}}\n- {apiVersion: v1, kind: ConfigMap}\n";
        assert_eq!(signs(text), ["", "container \"a\" has no image", "ignored"]);
    }
}
