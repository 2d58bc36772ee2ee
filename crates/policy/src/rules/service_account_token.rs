//! `rules/serviceAccountToken`: a pod with the default service account has no token of it.
//!
//! Fields: `spec.automountServiceAccountToken`.
//! Allowed: `false`; anything if `spec.serviceAccountName` (or its deprecated alias) is set to another than `default`.
//! The ServiceAccount object is not visible here, so its own setting does not count.
//!
//! Fields: `spec.volumes[*].projected.sources[*].serviceAccountToken`.
//! Allowed: none in a pod with the default service account. The API server's plugin mounts one before any webhook runs,
//! so `false` alone may come too late. A token that the author mounts has the same identity, whatever its audience.
//! Token secrets cannot be distinguished from other secrets.
//!
//! Mirror pods need not set the field: the API server lets them have neither an account nor a token.

use crate::pss::{Finding, Findings, MIRROR, Place, Pod};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/serviceAccountToken", reason: "token of the default service account" };

/// The service account that every namespace has.
pub(super) const DEFAULT: &str = "default";

pub(super) fn find(pod: &Pod<'_>, found: &mut Findings) {
    if !matches!(pod.service_account(), "" | DEFAULT) {
        return;
    }
    let is_off = pod.spec.automount_service_account_token == Some(false) || has_no_account(pod);
    let field = (!is_off).then(|| {
        Finding::new(
            Place::Pod,
            "automountServiceAccountToken",
            "set automountServiceAccountToken=false, or serviceAccountName to an account of the pod's own",
        )
    });
    let volumes = pod.spec.volumes.iter().enumerate();
    let volumes = volumes.filter(|(_, volume)| volume.service_account_token).map(|(index, _)| {
        Finding::new(
            Place::Volume { index },
            "projected.sources",
            "remove the service account's token and its mounts, or set serviceAccountName to an account of the pod's own",
        )
    });
    found.extend(field.into_iter().chain(volumes));
}

/// Whether it is the API's copy of a static pod. Any client can claim that, but gets a pod without an account, which no
/// kubelet runs.
pub(super) fn has_no_account(pod: &Pod<'_>) -> bool {
    pod.service_account().is_empty() && pod.metadata.annotations.get(MIRROR).is_some()
}
