//! `rules/addedCapabilities`: containers add only the listed capabilities.
//!
//! Fields: `securityContext.capabilities.add` of every container.
//! Allowed: unset, and the names of the settings. Names are exact: neither `net_raw` nor `CAP_NET_RAW` is `NET_RAW`,
//! and `ALL` must be listed itself.

use std::collections::BTreeSet;

use crate::pss::{Finding, Findings, Pod, Text};

use super::rule::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/addedCapabilities", reason: "capabilities added that are not listed" };

pub(super) fn find(allowed: &BTreeSet<String>, pod: &Pod<'_>, found: &mut Findings) {
    for (place, context) in pod.security_contexts() {
        let added = context.capabilities.iter().flat_map(|set| set.add.iter()).map(Text::as_str);
        found.add_names(place, added.filter(|name| !allowed.contains(*name)), |names| {
            let fix = format!("remove {names} from securityContext.capabilities.add");
            Finding::new(place, "securityContext.capabilities.add", fix)
        });
    }
}
