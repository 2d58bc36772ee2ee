//! Lints of a namespace's policy, in its labels and annotations.

use std::collections::BTreeMap;

use super::{Identity, Lint, LintRule};
use crate::{
    config::{PROFILE_LABEL, is_read},
    harden::MODE_LABEL,
    near::nearest,
    pss::{self, InvalidLabel},
    shown::{self, shown},
};

/// The prefix of the Standard's labels. No other label may have it.
const STANDARD: &str = "pod-security.kubernetes.io/";

/// Mistakes in the policy of a namespace, in its labels and annotations. `invalid` are the labels that its policy calls
/// invalid.
pub fn of_namespace(
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    invalid: impl IntoIterator<Item = InvalidLabel>,
    object: &Identity,
) -> Vec<Lint> {
    let invalid = invalid.into_iter().map(|label| {
        let message = format!("{} does not count: {}", shown(&label.value), label.allowed);
        let field = format!("metadata.labels[{}]", label.label);
        Lint::new(LintRule::InvalidLabel, object, field, message)
    });
    let misspelt = labels.keys().filter_map(|key| {
        let message = misspelt(key)?;
        let field = format!("metadata.labels[{}]", shown::key(key));
        Some(Lint::new(LintRule::MisspeltLabel, object, field, message))
    });
    let keys = annotations.keys().filter(|key| is_read(key));
    let misplaced = keys.map(|key| {
        let message = "an annotation has no effect here: set it as a label".to_owned();
        let field = format!("metadata.annotations[{key}]");
        Lint::new(LintRule::PolicyAnnotation, object, field, message)
    });
    misspelt.chain(invalid).chain(misplaced).take(super::MAX_LINTS).collect()
}

/// Whether a label or an annotation is a policy label, or resembles one.
pub fn is_of_policy(key: &str) -> bool {
    is_read(key) || misspelt(key).is_some()
}

/// Why a label that nothing reads is a mistake: it resembles a policy label, or has its prefix.
fn misspelt(key: &str) -> Option<String> {
    if is_read(key) {
        return None;
    }
    let labels = pss::policy_labels().chain([MODE_LABEL, PROFILE_LABEL]);
    if let Some(meant) = nearest(key, labels) {
        return Some(format!("unknown label {}: did you mean {meant:?}?", shown(key)));
    }
    key.starts_with(STANDARD).then(|| {
        let known = "enforce, audit and warn, each also with -version";
        format!("unknown label {}: after {STANDARD:?} there are only {known}", shown(key))
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{object, told},
        *,
    };
    use crate::{config::Config, namespace::EffectivePolicy};

    #[test]
    fn policy_belongs_into_labels_with_values_that_they_may_have() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let labels = map(&[
            ("pod-security.kubernetes.io/enforce", "strict"),
            ("pod-security.kubernetes.io/warn", "restricted"),
            ("portcullis.dev/harden", "yes"),
            ("portcullis.dev/profile", "none"),
            ("pod-security.kubernetes.io/enforced", "restricted"),
            ("podsecurity.kubernetes.io/enforce", "restricted"),
            ("pod-security.kubernetes.io/level", "restricted"),
            ("portcullis.dev/Profile", "strict"),
            ("portcullis.dev/team", "shop"),
            ("app", "shop"),
        ]);
        let annotations = map(&[
            ("pod-security.kubernetes.io/audit", "baseline"),
            ("portcullis.dev/enforce", "baseline"),
            ("example.org/team", "shop"),
        ]);
        let invalid =
            EffectivePolicy::new("shop", &labels, &Config::embedded()).invalid_labels(&labels);
        let lints = of_namespace(&labels, &annotations, invalid, &object("v1", "Namespace"));
        assert_eq!(
            told(&lints),
            [
                "misspelt-label metadata.labels[pod-security.kubernetes.io/enforced]",
                "misspelt-label metadata.labels[pod-security.kubernetes.io/level]",
                "misspelt-label metadata.labels[podsecurity.kubernetes.io/enforce]",
                "misspelt-label metadata.labels[portcullis.dev/Profile]",
                "invalid-label metadata.labels[pod-security.kubernetes.io/enforce]",
                "invalid-label metadata.labels[portcullis.dev/profile]",
                "invalid-label metadata.labels[portcullis.dev/harden]",
                "policy-annotation metadata.annotations[pod-security.kubernetes.io/audit]",
                "policy-annotation metadata.annotations[portcullis.dev/enforce]",
            ]
        );
        assert!(lints[0].message.ends_with("did you mean \"pod-security.kubernetes.io/enforce\"?"));
        assert!(lints[4].message.contains("must be one of privileged, baseline, restricted"));
    }
}
