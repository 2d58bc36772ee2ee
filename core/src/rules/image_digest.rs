//! `rules/imageDigest`: what runs is what was looked at, to the byte.
//!
//! Fields: `image` of every container, `spec.volumes[*].image.reference`.
//! Allowed: a reference with a digest, with a tag before it or not.

use crate::pss::{Finding, Pod};

use super::{
    image::{Reference, images},
    shown::shown,
    table::Rule,
};

pub(super) static RULE: Rule = Rule { id: "rules/imageDigest", reason: "image without a digest" };

pub(super) fn findings(pod: &Pod<'_>) -> Vec<Finding> {
    images(pod)
        .filter(|(.., image)| {
            !Reference::parse(image).is_ok_and(|reference| reference.digest.is_some())
        })
        .map(|(place, field, image)| {
            Finding::new(place, field, format!("give {} a digest: @sha256:...", shown(image)))
        })
        .collect()
}
