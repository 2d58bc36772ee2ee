//! `rules/addedCapabilities`: containers add no capabilities but those that are listed.
//!
//! Fields: `securityContext.capabilities.add` of every container.
//! Allowed: unset, and the names of the settings. Names are exact: neither `net_raw` nor `CAP_NET_RAW` is `NET_RAW`, nor
//! does `ALL` stand for any.

use std::collections::BTreeSet;

use crate::pss::{Finding, Pod};

use super::{shown::shown, table::Rule};

pub(super) static RULE: Rule =
    Rule { id: "rules/addedCapabilities", reason: "capabilities added that are not listed" };

pub(super) fn findings(allowed: &BTreeSet<String>, pod: &Pod<'_>) -> Vec<Finding> {
    pod.security_contexts()
        .filter_map(|(place, context)| {
            let added = context.capabilities.as_ref()?.add.iter();
            let others = added.filter(|name| !allowed.contains(name.as_str()));
            let names: BTreeSet<_> = others.map(|name| shown(name)).collect();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            let fix = format!("remove {names} from securityContext.capabilities.add");
            let path = "securityContext.capabilities.add";
            (!names.is_empty()).then(|| Finding::new(place, path, fix))
        })
        .collect()
}
