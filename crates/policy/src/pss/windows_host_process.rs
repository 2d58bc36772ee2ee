//! `windowsHostProcess` (baseline): no processes directly on the Windows host.
//!
//! Fields: `securityContext.windowsOptions.hostProcess` of the pod and of every container.
//! Allowed: unset, `false`.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::{Finding, Place},
};

pub(super) static WINDOWS_HOST_PROCESS: Control = Control {
    id: "windowsHostProcess",
    level: Level::Baseline,
    reason: "Windows hostProcess",
    overrides: None,
    revisions: &[Revision { since: Minor(0), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    let of_pod =
        pod.spec.security_context.as_ref().map(|context| (Place::Pod, &context.windows_options));
    let of_containers =
        pod.security_contexts().map(|(place, context)| (place, &context.windows_options));
    found.extend(
        of_pod
            .into_iter()
            .chain(of_containers)
            .filter(|(_, options)| {
                options.as_ref().is_some_and(|options| options.host_process == Some(true))
            })
            .map(|(place, _)| {
                Finding::new(
                    place,
                    "securityContext.windowsOptions.hostProcess",
                    "set securityContext.windowsOptions.hostProcess=false",
                )
            }),
    );
}
