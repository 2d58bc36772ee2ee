//! The user or group id that each container runs with: its own, else the pod's.

use crate::pss::{
    Container, Finding, Findings, Place, Pod, PodSecurityContext, SecurityContext, missing,
};

use super::ranges::Ranges;

/// A field of both security contexts.
pub(super) struct Id {
    /// The path below the pod's spec and below a container.
    pub(super) path: &'static str,
    pub(super) of_pod: fn(&PodSecurityContext<'_>) -> Option<i64>,
    pub(super) of_container: fn(&SecurityContext<'_>) -> Option<i64>,
}

impl Id {
    /// Finds containers whose id is not allowed or unset. Ignores a pod's id that no container uses, and Windows pods,
    /// which cannot set the field.
    pub(super) fn find_outside(&self, allowed: &Ranges, pod: &Pod<'_>, found: &mut Findings) {
        if pod.is_windows() {
            return;
        }
        let fix = || format!("set {} within {allowed}", self.path);
        let is_allowed = |id: Option<i64>| id.is_some_and(|id| allowed.contains(id));
        let of_pod = pod.spec.security_context.as_ref().and_then(self.of_pod);
        let own = |(place, container): (Place, &Container<'_>)| {
            (place, container.security_context.as_ref().and_then(self.of_container))
        };
        let bad = pod.containers().map(own).filter(|(_, id)| id.is_some() && !is_allowed(*id));
        found.extend(bad.map(|(place, _)| Finding::new(place, self.path, fix())));
        let unset = pod.containers().map(own).filter(|(_, id)| id.is_none());
        let mut unset = unset.map(|(place, _)| place).peekable();
        if unset.peek().is_some() && !is_allowed(of_pod) {
            missing(unset, self.path, fix(), found);
        }
    }
}
