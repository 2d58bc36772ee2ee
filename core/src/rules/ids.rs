//! The id that each container runs as: its own, else the pod's.

use crate::pss::{
    Container, Finding, Findings, Place, Pod, PodSecurityContext, SecurityContext, missing,
};

use super::ranges::Ranges;

/// A field that both security contexts have.
pub(super) struct Id {
    /// Below the pod's spec and below a container alike.
    pub(super) path: &'static str,
    pub(super) of_pod: fn(&PodSecurityContext<'_>) -> Option<i64>,
    pub(super) of_container: fn(&SecurityContext<'_>) -> Option<i64>,
}

impl Id {
    /// Containers whose id is none of these, or is nowhere set. A pod's own that no container takes is not judged, nor
    /// are Windows pods: the field cannot be set there.
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
