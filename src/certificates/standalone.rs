//! A certificate for a first try without a cluster.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::server::Identity;

use super::authority::{Authority, AuthorityError};

/// Creates an identity for localhost, 127.0.0.1, ::1 and `names` (DNS names or IP addresses), valid for a year. Returns
/// it with the certificate of its authority, PEM. The authority's key is discarded.
///
/// # Errors
/// A name that is neither a DNS name nor an IP address.
pub fn standalone(names: &[&str]) -> Result<(Arc<Identity>, String), AuthorityError> {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let now = SystemTime::now();
    let authority = Authority::mint(None, now, YEAR)?;
    let names: Vec<&str> = ["localhost", "127.0.0.1", "::1"].iter().chain(names).copied().collect();
    let leaf = authority.sign(&names, now, YEAR)?;
    let identity = Identity::fixed(leaf.chain, leaf.key).map_err(AuthorityError)?;
    Ok((identity, authority.certificate().to_owned()))
}
