//! `rules/imageTag`: it shows which version of an image runs.
//!
//! Fields: `image` of every container, `spec.volumes[*].image.reference`.
//! Allowed: a tag other than `latest`, beside a digest or not; a digest alone. `latest` beside a digest is not: the
//! runtime pulls the digest, and the tag says something else. What is no reference has no tag.

use crate::pss::{Finding, Pod};

use super::{
    image::{Reference, images},
    shown::shown,
    table::Rule,
};

pub(super) static RULE: Rule = Rule { id: "rules/imageTag", reason: "image without a fixed tag" };

pub(super) fn findings(pod: &Pod<'_>) -> Vec<Finding> {
    images(pod)
        .filter(|(.., image)| !Reference::parse(image).is_ok_and(|reference| is_fixed(&reference)))
        .map(|(place, field, image)| {
            let fix = format!("give {} a tag other than latest, or a digest", shown(image));
            Finding::new(place, field, fix)
        })
        .collect()
}

fn is_fixed(reference: &Reference<'_>) -> bool {
    match (reference.tag, reference.digest) {
        (Some(tag), _) => tag != "latest",
        (None, digest) => digest.is_some(),
    }
}
