//! `runAsNonRoot` (restricted): the kubelet refuses to start an image as root.
//!
//! Fields: `securityContext.runAsNonRoot` of the pod and of every container.
//! Allowed: `true`; unset in a container if the pod says `true`. Never `false`, not even in a pod whose containers all
//! override it. Since v1.35 anything if `hostUsers` is false (KEP-127).

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::{Finding, Place, missing},
};

pub(super) static RUN_AS_NON_ROOT: Control = Control {
    id: "runAsNonRoot",
    level: Level::Restricted,
    reason: "runAsNonRoot is not true",
    overrides: None,
    revisions: &[
        Revision { since: Minor(0), check },
        Revision {
            since: Minor(35),
            check: |pod, found| {
                if !pod.has_user_namespace() {
                    check(pod, found);
                }
            },
        },
    ],
};

const FIELD: &str = "securityContext.runAsNonRoot";
const FIX: &str = "set securityContext.runAsNonRoot=true";

fn check(pod: &Pod<'_>, found: &mut Findings) {
    let of_pod = pod.spec.security_context.as_ref().and_then(|context| context.run_as_non_root);
    let of_containers = || {
        pod.containers().map(|(place, container)| {
            let context = container.security_context.as_ref();
            (place, context.and_then(|context| context.run_as_non_root))
        })
    };
    let explicit = || {
        let all = std::iter::once((Place::Pod, of_pod)).chain(of_containers());
        all.filter(|(_, value)| *value == Some(false)).map(|(place, _)| place)
    };
    if explicit().next().is_some() || of_pod == Some(true) {
        found.extend(explicit().map(|place| Finding::new(place, FIELD, FIX)));
        return;
    }
    let unset = of_containers().filter(|(_, value)| value.is_none()).map(|(place, _)| place);
    missing(unset, FIELD, FIX, found);
}
