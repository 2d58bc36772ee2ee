//! `hostPathVolumes` (baseline): a pod does not mount the node's files.
//!
//! Fields: `spec.volumes[*].hostPath`.
//! Allowed: unset.

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::{Finding, Place},
};

pub(super) static HOST_PATH_VOLUMES: Control = Control {
    id: "hostPathVolumes",
    level: Level::Baseline,
    reason: "hostPath volumes",
    overrides: None,
    revisions: &[Revision { since: Minor(0), check }],
};

fn check(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(
        pod.spec.volumes.iter().enumerate().filter(|(_, volume)| volume.has("hostPath")).map(
            |(index, _)| {
                Finding::new(
                    Place::Volume { index },
                    "hostPath",
                    "replace hostPath by another type of volume",
                )
            },
        ),
    );
}
