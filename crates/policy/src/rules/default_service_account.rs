//! `rules/defaultServiceAccount`: a pod names its own service account.
//!
//! Fields: `spec.serviceAccountName`, or its deprecated alias `spec.serviceAccount` if that is unset.
//! Allowed: any except unset, empty and `default`. Mirror pods are not judged: the API server lets them have none.

use crate::pss::{Finding, Findings, Place, Pod};

use super::{
    rule::Rule,
    service_account_token::{DEFAULT, has_no_account},
};

pub(super) static RULE: Rule =
    Rule { id: "rules/defaultServiceAccount", reason: "default service account" };

pub(super) fn find(pod: &Pod<'_>, found: &mut Findings) {
    if has_no_account(pod) || !matches!(pod.service_account(), "" | DEFAULT) {
        return;
    }
    let fix = "set serviceAccountName to an account of the pod's own";
    found.add(Finding::new(Place::Pod, "serviceAccountName", fix));
}
