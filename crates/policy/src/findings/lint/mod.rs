//! Lints: settings without effect, which are well-intended mistakes that articles on this subject spread.
//!
//! No control reports them, or none explains them. Pure: values in, values out.

mod at;
mod fields;
mod key;
mod misplaced;
mod namespace;
mod pod;
mod rule;
mod walk;

use super::{Identity, Location, Severity};

pub use namespace::{is_of_policy, of_namespace};
pub use pod::of_pod;
pub use rule::LintRule;
pub use walk::{FieldLints, of_text};

/// The annotation in which `kubectl apply` keeps what the user applied, including what the API server drops.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Maximum number of lints per object: Linux has 41 capabilities.
const MAX_LINTS: usize = 256;

/// A finding of a lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// What is wrong.
    pub rule: LintRule,
    /// The object.
    pub object: Identity,
    /// The path of the field from the object's root.
    pub field: String,
    /// The path of the field that was meant, if another key of the same mapping was.
    pub meant: Option<String>,
    /// The mistake and the correction, in one line.
    pub message: String,
    /// A note, or an error where lints make the command fail.
    pub severity: Severity,
    /// The place in the source, if there is one.
    pub location: Option<Location>,
}

impl Lint {
    fn new(rule: LintRule, object: &Identity, field: String, message: String) -> Self {
        Self {
            rule,
            object: object.clone(),
            field,
            meant: None,
            message,
            severity: Severity::Note,
            location: None,
        }
    }
}

impl std::fmt::Display for Lint {
    /// `Pod shop/web: spec.securityContext: …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.object, self.field, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The object of the tests.
    pub(super) fn object(api_version: &str, kind: &str) -> Identity {
        Identity {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        }
    }

    /// Each lint with its id and its field.
    pub(super) fn told(lints: &[Lint]) -> Vec<String> {
        lints.iter().map(|lint| format!("{} {}", lint.rule.name(), lint.field)).collect()
    }
}
