//! `restrictedVolumes` (restricted): only volume types that give no access beyond the pod's own rights.
//!
//! Fields: `spec.volumes[*].*`.
//! Allowed: the sources of `ALLOWED`. An unknown source is forbidden, and so is a volume without a source (before
//! admission, the API server makes an emptyDir of it).

use crate::shown;

use super::{
    control::{Control, Revision},
    findings::Findings,
    level::{Level, Minor},
    pod::Pod,
    violation::{Finding, Place},
};

pub(super) static RESTRICTED_VOLUMES: Control = Control {
    id: "restrictedVolumes",
    level: Level::Restricted,
    reason: "restricted volume types",
    overrides: Some("hostPathVolumes"),
    revisions: &[Revision { since: Minor(0), check }],
};

const ALLOWED: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

fn check(pod: &Pod<'_>, found: &mut Findings) {
    found.extend(
        pod.spec
        .volumes
        .iter()
        .enumerate()
        .filter(|(_, volume)| !ALLOWED.iter().any(|source| volume.has(source)))
        .map(|(index, volume)| {
            let place = Place::Volume { index };
            match volume.sources.first() {
                Some(source) => {
                    let source = shown::key(source);
                    let fix = format!(
                        "replace {source} by emptyDir, persistentVolumeClaim or another allowed type"
                    );
                    Finding::new(place, source, fix)
                }
                None => Finding::new(
                    place,
                    "emptyDir",
                    "set emptyDir={}, or another allowed type",
                ),
            }
        })
        ,
    );
}
