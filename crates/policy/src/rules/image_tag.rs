//! `rules/imageTag`: images have a tag that names a version.
//!
//! Fields: `image` of every container, `spec.volumes[*].image.reference`.
//! Allowed: a tag other than `latest`, with or without a digest; a digest alone. `latest` with a digest is not allowed:
//! the runtime pulls the digest, so the tag is misleading. An invalid reference has no tag.

use crate::{
    pss::{Finding, Findings},
    shown::shown,
};

use super::{
    image::{Images, Reference},
    rule::Rule,
};

pub(super) static RULE: Rule = Rule { id: "rules/imageTag", reason: "image without a fixed tag" };

pub(super) fn find(images: &Images<'_, '_>, found: &mut Findings) {
    let broken = images.iter().filter(|image| !image.reference.as_ref().is_ok_and(is_fixed));
    for image in broken {
        found.add_with(image.place, || {
            let fix = format!("give {} a tag other than latest, or a digest", shown(image.text));
            Finding::new(image.place, image.field, fix)
        });
    }
}

fn is_fixed(reference: &Reference<'_>) -> bool {
    match (reference.tag, reference.digest) {
        (Some(tag), _) => tag != "latest",
        (None, digest) => digest.is_some(),
    }
}
