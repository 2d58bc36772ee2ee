//! `rules/readOnlyRootFilesystem`: a container cannot write to its image's files.
//!
//! Fields: `securityContext.readOnlyRootFilesystem` of every container.
//! Allowed: `true`. Windows pods are not judged, because they cannot set the field.

use crate::pss::{Finding, Findings, Pod};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/readOnlyRootFilesystem", reason: "writable root filesystem" };

pub(super) fn find(pod: &Pod<'_>, found: &mut Findings) {
    if pod.is_windows() {
        return;
    }
    let writable = pod.containers().filter(|(_, container)| {
        let context = container.security_context.as_ref();
        context.and_then(|context| context.read_only_root_filesystem) != Some(true)
    });
    found.extend(writable.map(|(place, _)| {
        Finding::new(
            place,
            "securityContext.readOnlyRootFilesystem",
            "set securityContext.readOnlyRootFilesystem=true",
        )
    }));
}
