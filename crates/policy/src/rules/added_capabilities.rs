//! `rules/addedCapabilities`: containers add only the listed capabilities.
//!
//! Fields: `securityContext.capabilities.add` of every container.
//! Allowed: unset, and the names of the settings. Names are exact: neither `net_raw` nor `CAP_NET_RAW` is `NET_RAW`,
//! and `ALL` must be listed itself.

use std::collections::BTreeSet;

use crate::{
    pss::{Finding, Findings, Pod, Text},
    shown::names,
};

use super::table::Rule;

pub(super) static RULE: Rule =
    Rule { id: "rules/addedCapabilities", reason: "capabilities added that are not listed" };

pub(super) fn find(allowed: &BTreeSet<String>, pod: &Pod<'_>, found: &mut Findings) {
    found.extend(pod.security_contexts().filter_map(|(place, context)| {
        let added = context.capabilities.as_ref()?.add.iter().map(Text::as_str);
        let names = names(added.filter(|name| !allowed.contains(*name)))?;
        let fix = format!("remove {names} from securityContext.capabilities.add");
        Some(Finding::new(place, "securityContext.capabilities.add", fix))
    }));
}
