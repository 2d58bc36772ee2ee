//! What `/mutate` decides.

use crate::{
    config::Mode,
    harden::{self, Change, Decision, Scope},
    pss::{MIRROR, Pod},
};

use super::{
    object::{Object, Target},
    request::{Operation, Request},
    review::{Context, Exemption, Fault, Outcome, unreadable},
};

/// What hardening adds to a pod.
#[derive(Debug)]
pub struct Hardening {
    /// Whether it is really added.
    pub effect: Effect,
    /// What.
    pub changes: Vec<Change>,
    /// The operations that add it, on the request's object.
    pub patch: json_patch::Patch,
}

/// Whether hardening acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The patch is answered.
    Apply,
    /// It is only told.
    Report,
}

impl Effect {
    /// A metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Report => "report",
        }
    }
}

/// Whether a request makes a pod, or adds containers to it: nothing else may be changed in one that runs.
///
/// The kubelet's mirror pods are left alone, since what they mirror runs already. The annotation alone does not
/// make one: anyone can set it.
pub(super) fn applies_to(request: &Request<'_>) -> bool {
    let is_open = matches!(
        (request.operation, request.subresource.as_str()),
        (Operation::Create, "") | (Operation::Update, "ephemeralcontainers")
    );
    let is_mirror = match &request.object {
        Object::Pod(pod) => {
            let mut groups = request.user.groups.iter();
            pod.metadata.annotations.get(MIRROR).is_some()
                && groups.any(|group| *group == "system:nodes")
        }
        _ => false,
    };
    request.target() == Target::Pod && is_open && !is_mirror
}

/// Plans the changes of a request that [`applies_to`].
pub(super) fn review(
    request: &Request<'_>,
    context: Context<'_>,
    decision: Decision,
) -> Result<Outcome, Fault> {
    let effect = match decision {
        Decision::Apply if context.config.mode == Mode::Enforce => Effect::Apply,
        Decision::Apply | Decision::Report => Effect::Report,
        Decision::Nothing => return Ok(Outcome::Ignore),
    };
    let pod = match &request.object {
        Object::Pod(pod) => pod,
        other => return Err(unreadable(other)),
    };
    if context.config.exemptions.runtime_class(&pod.spec.runtime_class_name) {
        return Ok(Outcome::Exempt(Exemption::RuntimeClass));
    }
    let changes = plan(request, pod, context)?;
    let patch = harden::patch(pod, &changes, &["spec"]);
    Ok(Outcome::Harden(Hardening { effect, changes, patch }))
}

fn plan(request: &Request<'_>, pod: &Pod<'_>, context: Context<'_>) -> Result<Vec<Change>, Fault> {
    let scope = match (request.operation, &request.old_object) {
        (Operation::Create, _) => Scope::Create,
        (_, Object::Pod(old)) => Scope::Debug { old },
        (_, other) => return Err(unreadable(other)),
    };
    Ok(harden::plan(pod, &context.config.harden, scope))
}

/// In dry run nothing was added before validation: the pod as it would have been, so that what is said of it is
/// what would have happened. `None` where it is judged as it came.
pub(super) fn foretell<'r>(
    request: &Request<'_>,
    pod: &Pod<'r>,
    context: Context<'_>,
    decision: Decision,
) -> Option<Pod<'r>> {
    let is_missing = context.config.mode == Mode::DryRun && decision == Decision::Apply;
    if !is_missing || !applies_to(request) {
        return None;
    }
    let changes = plan(request, pod, context).ok()?;
    (!changes.is_empty()).then(|| harden::apply(pod, &changes))
}
