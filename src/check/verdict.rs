//! What is found of one object.

use std::{collections::HashSet, fmt};

use crate::{
    admission::{self, Exemption, Object},
    pss::{self, Pod, Violation},
};

use super::{Line, Policy, defaults};

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The line on which it starts.
    pub line: Line,
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Empty where the manifest does not say.
    pub namespace: String,
    /// The name, or what the generated one will start with.
    pub name: String,
}

/// `Deployment shop/web`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// An object that was judged, or is exempt.
#[derive(Debug)]
pub struct Verdict {
    /// Which.
    pub object: Identity,
    /// Why it was not judged, if it was not.
    pub exempt: Option<Exemption>,
    /// What it breaks, in the order of the Standard's table.
    pub violations: Vec<Broken>,
    /// What to set, one line each, grouped by container as in a denial.
    pub fixes: Vec<String>,
}

/// A control that it breaks.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// The control's id.
    pub control: &'static str,
    /// What is wrong, in a few words.
    pub reason: &'static str,
    /// What to set, where.
    pub message: String,
    /// The paths of the fields from the object's root, each once.
    pub fields: Vec<String>,
}

/// Judges an object whose pod stands at `root`: `""`, or `"spec.template."`.
pub(super) fn judge(
    object: Object<'_>,
    root: &str,
    identity: Identity,
    policy: &Policy,
) -> Verdict {
    let pod = match object {
        Object::Pod(mut pod) => {
            defaults::of_pod(&mut pod);
            Some(pod)
        }
        Object::Template(Some(mut template)) => {
            defaults::of_template(&mut template);
            Some(template)
        }
        // A controller without a template makes no pods.
        Object::Template(None)
        | Object::Absent
        | Object::Ignored
        | Object::Namespace(_)
        | Object::Unreadable(_) => None,
    };
    let exempt = exemption(&identity, pod.as_deref(), policy);
    let violations = match (&pod, exempt) {
        (Some(pod), None) => pss::evaluate(policy.asked.level, policy.version, pod),
        _ => Vec::new(),
    };
    let empty = Pod::default();
    let pod = pod.as_deref().unwrap_or(&empty);
    Verdict {
        object: identity,
        exempt,
        violations: violations.iter().map(|violation| broken(violation, pod, root)).collect(),
        fixes: admission::fixes(&violations, pod),
    }
}

fn exemption(identity: &Identity, pod: Option<&Pod<'_>>, policy: &Policy) -> Option<Exemption> {
    if policy.exemptions.namespace(&identity.namespace) {
        return Some(Exemption::Namespace);
    }
    let class = &pod?.spec.runtime_class_name;
    policy.exemptions.runtime_class(class).then_some(Exemption::RuntimeClass)
}

fn broken(violation: &Violation, pod: &Pod<'_>, root: &str) -> Broken {
    let mut seen = HashSet::new();
    let fields = violation.findings.iter().map(|finding| finding.field(root));
    Broken {
        control: violation.control.id,
        reason: violation.control.reason,
        message: admission::fixes(std::slice::from_ref(violation), pod).join("; "),
        fields: fields.filter(|field| seen.insert(field.clone())).collect(),
    }
}
