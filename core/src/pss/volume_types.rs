//! `restrictedVolumes` (restricted): only volumes that reach nothing outside the pod's own rights.
//!
//! Fields: `spec.volumes[*].*`.
//! Allowed: the sources of `ALLOWED`. A source that nobody has heard of yet is forbidden, and so is a volume
//! without any (the API server makes an emptyDir of it before anyone is asked).

use super::{
    level::{Level, Minor},
    pod::Pod,
    table::{Control, Revision},
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

fn check(pod: &Pod<'_>) -> Vec<Finding> {
    pod.spec
        .volumes
        .iter()
        .enumerate()
        .filter(|(_, volume)| !ALLOWED.iter().any(|source| volume.has(source)))
        .map(|(index, volume)| {
            let place = Place::Volume { index };
            match volume.sources.first() {
                Some(source) => Finding::new(
                    place,
                    source.as_str().to_owned(),
                    format!("replace {source} by emptyDir, persistentVolumeClaim or another allowed type"),
                ),
                None => Finding::new(
                    place,
                    "emptyDir",
                    "set emptyDir={}, or another allowed type",
                ),
            }
        })
        .collect()
}
