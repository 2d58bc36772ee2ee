//! Settings without effect: well-intended mistakes that articles on this subject spread.
//!
//! No control reports them, or none explains them. Pure: values in, values out.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    harden, json,
    pss::{self, Defaults, Pod, or_default},
    shown::shown,
    workloads::WorkloadKind,
};

use super::Identity;

/// The kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintRule {
    /// A policy label set as an annotation, which is never read.
    PolicyAnnotation,
    /// A policy label with an invalid value.
    InvalidLabel,
    /// `drop: [all]`: the Standard requires the exact word ALL.
    LowerCaseAll,
    /// `CAP_NET_ADMIN`: Kubernetes names capabilities without the prefix.
    CapabilityPrefix,
    /// `readOnlyRootFilesystem` at the pod: only containers have this field, and the API server drops it.
    PodReadOnlyRoot,
}

impl LintRule {
    /// All rules, in the order of messages.
    pub const ALL: [Self; 5] = [
        Self::PolicyAnnotation,
        Self::InvalidLabel,
        Self::LowerCaseAll,
        Self::CapabilityPrefix,
        Self::PodReadOnlyRoot,
    ];

    /// The mistake, as a phrase.
    pub fn reason(self) -> &'static str {
        match self {
            Self::PolicyAnnotation => "policy set as an annotation, where nothing reads it",
            Self::InvalidLabel => "policy label with a value that it cannot have",
            Self::LowerCaseAll => "capability \"all\" that is not ALL",
            Self::CapabilityPrefix => "capability with the prefix CAP_",
            Self::PodReadOnlyRoot => "readOnlyRootFilesystem at the pod, where it is no field",
        }
    }

    /// The id in reports, an interface.
    pub fn id(self) -> &'static str {
        match self {
            Self::PolicyAnnotation => "policy-annotation",
            Self::InvalidLabel => "invalid-label",
            Self::LowerCaseAll => "lower-case-all",
            Self::CapabilityPrefix => "capability-prefix",
            Self::PodReadOnlyRoot => "pod-read-only-root",
        }
    }
}

/// A finding of a lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// What is wrong.
    pub rule: LintRule,
    /// The object.
    pub object: Identity,
    /// The path of the field from the object's root.
    pub field: String,
    /// The mistake and the correction, in one line.
    pub message: String,
}

impl std::fmt::Display for Lint {
    /// `Pod shop/web: spec.securityContext: …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.object, self.field, self.message)
    }
}

/// Maximum number of lints per pod: Linux has 41 capabilities.
const MAX_LINTS: usize = 256;

/// Mistakes in capabilities of a pod, or of a template at `root`: `"spec.template."`.
pub fn of_pod(pod: &Pod<'_>, root: &str, object: &Identity) -> Vec<Lint> {
    let mut lints = Vec::new();
    for (place, context) in pod.security_contexts() {
        let Some(capabilities) = &context.capabilities else { continue };
        let drops_all = capabilities.drop.iter().any(|name| *name == "ALL");
        for (list, names) in [("add", &capabilities.add), ("drop", &capabilities.drop)] {
            for (index, name) in names.iter().enumerate() {
                let is_all = name.eq_ignore_ascii_case("ALL") && *name != "ALL";
                if lints.len() == MAX_LINTS {
                    return lints;
                }
                let (rule, message) = if list == "drop" && is_all && !drops_all {
                    let message = format!("{} does not count: write \"ALL\"", shown(name));
                    (LintRule::LowerCaseAll, message)
                } else if let Some(bare) = without_prefix(name) {
                    let message =
                        format!("capabilities have no CAP_ before them: write {}", shown(bare));
                    (LintRule::CapabilityPrefix, message)
                } else {
                    continue;
                };
                let path = format!("securityContext.capabilities.{list}[{index}]");
                let field = pss::Finding::new(place, path, "").field(root);
                lints.push(Lint { rule, object: object.clone(), field, message });
            }
        }
    }
    lints
}

fn without_prefix(name: &str) -> Option<&str> {
    let (prefix, bare) = name.split_at_checked(4)?;
    prefix.eq_ignore_ascii_case("CAP_").then_some(bare)
}

/// Mistakes in the JSON text of an object that the view for controls omits: a `readOnlyRootFilesystem` at the pod, in a
/// pod or a template. Unreadable text has none, because the judge reports it.
pub fn of_text(json: &str, object: &Identity) -> Vec<Lint> {
    const FIELD: &str = "readOnlyRootFilesystem";
    if !json.contains(FIELD) {
        return Vec::new();
    }
    let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
    let (path, root) = match WorkloadKind::of_manifest(group, &object.kind) {
        Some(kind) => (kind.template(), kind.root()),
        None if group.is_empty() && object.kind == "Pod" => (&[][..], ""),
        None => return Vec::new(),
    };
    let Ok(node) = json::from_untrusted(json, std::marker::PhantomData::<ObjectNode>) else {
        return Vec::new();
    };
    let spec = path.iter().chain(&["spec"]).try_fold(&node, |node, name| node.child(name));
    let is_set = spec.is_some_and(|spec| spec.security_context.read_only_root_filesystem.is_some());
    if !is_set {
        return Vec::new();
    }
    let message =
        format!("there is no {FIELD} of a pod: set it in each container's securityContext");
    vec![Lint {
        rule: LintRule::PodReadOnlyRoot,
        object: object.clone(),
        field: format!("{root}spec.securityContext.{FIELD}"),
        message,
    }]
}

/// The part of an object that leads to a pod's `securityContext`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectNode {
    #[serde(default)]
    spec: Option<Box<Self>>,
    #[serde(default)]
    template: Option<Box<Self>>,
    #[serde(default)]
    job_template: Option<Box<Self>>,
    #[serde(default, deserialize_with = "or_default")]
    security_context: ObjectContext,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectContext {
    #[serde(default)]
    read_only_root_filesystem: Option<IgnoredAny>,
}

impl ObjectNode {
    fn child(&self, name: &str) -> Option<&Self> {
        let child = match name {
            "spec" => &self.spec,
            "template" => &self.template,
            "jobTemplate" => &self.job_template,
            _ => &None,
        };
        child.as_deref()
    }
}

/// Mistakes in the policy of a namespace, in its labels and annotations.
pub fn of_namespace(
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    object: &Identity,
) -> Vec<Lint> {
    let lint = |rule, field, message| Lint { rule, object: object.clone(), field, message };
    let policy = pss::from_labels(labels, &Defaults::PRIVILEGED);
    let invalid = policy.invalid.into_iter().chain(harden::invalid_label(labels)).map(|label| {
        let message = format!("{} does not count: {}", shown(&label.value), label.allowed);
        lint(LintRule::InvalidLabel, format!("metadata.labels[{}]", label.label), message)
    });
    let keys = annotations.keys().filter(|key| crate::config::is_read(key));
    let misplaced = keys.map(|key| {
        let message = "an annotation has no effect here: set it as a label".to_owned();
        lint(LintRule::PolicyAnnotation, format!("metadata.annotations[{key}]"), message)
    });
    invalid.chain(misplaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(api_version: &str, kind: &str) -> Identity {
        Identity {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        }
    }

    fn told(lints: &[Lint]) -> Vec<String> {
        lints.iter().map(|lint| format!("{} {}", lint.rule.id(), lint.field)).collect()
    }

    #[test]
    fn capabilities_are_exact_words() {
        let pod: Pod<'_> = serde_json::from_str(
            r#"{"spec":{"initContainers":[{"securityContext":{"capabilities":{"drop":["all"]}}}],"containers":[
            {"securityContext":{"capabilities":{"add":["CAP_NET_ADMIN","NET_RAW"],"drop":["cap_all"]}}},
            {"securityContext":{"capabilities":{"drop":["ALL","all"]}}}, {"name":"plain"}]}}"#,
        )
        .unwrap();
        let lints = of_pod(&pod, "spec.template.", &object("apps/v1", "Deployment"));
        let at = |list: &str| format!("spec.template.spec.{list}");
        assert_eq!(
            told(&lints),
            [
                format!(
                    "lower-case-all {}",
                    at("initContainers[0].securityContext.capabilities.drop[0]")
                ),
                format!(
                    "capability-prefix {}",
                    at("containers[0].securityContext.capabilities.add[0]")
                ),
                format!(
                    "capability-prefix {}",
                    at("containers[0].securityContext.capabilities.drop[0]")
                ),
            ]
        );
        assert!(lints[1].message.ends_with("write \"NET_ADMIN\""), "{}", lints[1].message);
    }

    #[test]
    fn a_read_only_root_of_a_pod_is_found_wherever_the_pod_stands() {
        let spec = r#""spec":{"securityContext":{"readOnlyRootFilesystem":true}}"#;
        for (api_version, kind, text, root) in [
            ("v1", "Pod", format!("{{{spec}}}"), ""),
            ("v1", "PodTemplate", format!(r#"{{"template":{{{spec}}}}}"#), "template."),
            (
                "apps/v1",
                "Deployment",
                format!(r#"{{"spec":{{"template":{{{spec}}}}}}}"#),
                "spec.template.",
            ),
            (
                "batch/v1",
                "CronJob",
                format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{{{spec}}}}}}}}}}}"#),
                "spec.jobTemplate.spec.template.",
            ),
        ] {
            let lints = of_text(&text, &object(api_version, kind));
            let field = format!("{root}spec.securityContext.readOnlyRootFilesystem");
            assert_eq!(told(&lints), [format!("pod-read-only-root {field}")], "{kind}");
        }
        let container = r#"{"spec":{"securityContext":{"runAsUser":1},
            "containers":[{"securityContext":{"readOnlyRootFilesystem":true}}]}}"#;
        assert_eq!(of_text(container, &object("v1", "Pod")), []);
        let other = format!("{{{spec}}}");
        assert_eq!(of_text(&other, &object("example.org/v1", "Pod")), []);
        assert_eq!(of_text(r#"{"spec":"readOnlyRootFilesystem"}"#, &object("v1", "Pod")), []);
    }

    #[test]
    fn policy_belongs_into_labels_with_values_that_they_may_have() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let labels = map(&[
            ("pod-security.kubernetes.io/enforce", "strict"),
            ("pod-security.kubernetes.io/warn", "restricted"),
            ("portcullis.dev/harden", "yes"),
        ]);
        let annotations = map(&[
            ("pod-security.kubernetes.io/audit", "baseline"),
            ("portcullis.dev/enforce", "baseline"),
            ("example.org/team", "shop"),
        ]);
        let lints = of_namespace(&labels, &annotations, &object("v1", "Namespace"));
        assert_eq!(
            told(&lints),
            [
                "invalid-label metadata.labels[pod-security.kubernetes.io/enforce]",
                "invalid-label metadata.labels[portcullis.dev/harden]",
                "policy-annotation metadata.annotations[pod-security.kubernetes.io/audit]",
                "policy-annotation metadata.annotations[portcullis.dev/enforce]",
            ]
        );
        assert!(lints[0].message.contains("must be one of privileged, baseline, restricted"));
    }
}
