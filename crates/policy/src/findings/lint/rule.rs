//! The kinds of mistakes.

/// The kind of a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintRule {
    /// A key that Kubernetes does not have, and that is one edit away from one that it has.
    UnknownField,
    /// A field of another type, such as `readOnlyRootFilesystem` at the pod.
    MisplacedField,
    /// A policy label set as an annotation, or on an object that is no namespace, where nothing reads it.
    PolicyAnnotation,
    /// A label that resembles a policy label.
    MisspeltLabel,
    /// A policy label with an invalid value.
    InvalidLabel,
    /// An annotation for AppArmor or seccomp that fields have replaced.
    LegacyAnnotation,
    /// `drop: [all]`: the Standard requires the exact word ALL.
    LowerCaseAll,
    /// `CAP_NET_ADMIN`: Kubernetes names capabilities without the prefix.
    CapabilityPrefix,
}

impl LintRule {
    /// The prefix of ids, which no control and no rule has.
    pub const PREFIX: &str = "lint/";
    /// All rules, in the order of messages.
    pub const ALL: [Self; 8] = [
        Self::UnknownField,
        Self::MisplacedField,
        Self::PolicyAnnotation,
        Self::MisspeltLabel,
        Self::InvalidLabel,
        Self::LegacyAnnotation,
        Self::LowerCaseAll,
        Self::CapabilityPrefix,
    ];

    /// The mistake, as a phrase.
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownField => "field that Kubernetes does not have",
            Self::MisplacedField => "field in a place that does not have it",
            Self::PolicyAnnotation => "policy where nothing reads it",
            Self::MisspeltLabel => "label that resembles a policy label",
            Self::InvalidLabel => "policy label with a value that it cannot have",
            Self::LegacyAnnotation => "annotation that a field has replaced",
            Self::LowerCaseAll => "capability \"all\" that is not ALL",
            Self::CapabilityPrefix => "capability with the prefix CAP_",
        }
    }

    /// The id without its prefix.
    pub fn name(self) -> &'static str {
        self.id().strip_prefix(Self::PREFIX).unwrap_or_default()
    }

    /// The id in reports, an interface.
    pub fn id(self) -> &'static str {
        match self {
            Self::UnknownField => "lint/unknown-field",
            Self::MisplacedField => "lint/misplaced-field",
            Self::PolicyAnnotation => "lint/policy-annotation",
            Self::MisspeltLabel => "lint/misspelt-label",
            Self::InvalidLabel => "lint/invalid-label",
            Self::LegacyAnnotation => "lint/legacy-annotation",
            Self::LowerCaseAll => "lint/lower-case-all",
            Self::CapabilityPrefix => "lint/capability-prefix",
        }
    }
}
