//! `rules/imageDigest`: images are pinned by digest, so exactly the reviewed content runs.
//!
//! Fields: `image` of every container, `spec.volumes[*].image.reference`.
//! Allowed: a reference with a digest, with or without a tag.

use crate::{
    pss::{Finding, Findings},
    shown::shown,
};

use super::{
    image::{Images, Reference},
    rule::Rule,
};

pub(super) static RULE: Rule = Rule { id: "rules/imageDigest", reason: "image without a digest" };

pub(super) fn find(images: &Images<'_, '_>, found: &mut Findings) {
    let has_digest = |reference: &Reference<'_>| reference.digest.is_some();
    let broken = images.iter().filter(|image| !image.reference.as_ref().is_ok_and(has_digest));
    for image in broken {
        found.add_with(image.place, || {
            let fix = format!("give {} a digest: @sha256:...", shown(image.text));
            Finding::new(image.place, image.field, fix)
        });
    }
}
