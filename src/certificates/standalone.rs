//! A certificate for a first try without a cluster.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::server::Identity;

use super::authority::{Authority, AuthorityError};

/// The result of [`standalone`].
#[derive(Debug)]
pub struct Standalone {
    /// The server's identity.
    pub identity: Arc<Identity>,
    /// The authority's certificate, PEM, with which clients verify the server. Its key is discarded.
    pub ca_pem: String,
}

/// Creates an identity for localhost, 127.0.0.1, ::1 and `names` (DNS names or IP addresses), valid for a year.
///
/// # Errors
/// A name that is neither a DNS name nor an IP address.
pub fn standalone(names: &[&str]) -> Result<Standalone, AuthorityError> {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let now = SystemTime::now();
    let authority = Authority::mint(None, now, YEAR)?;
    let names: Vec<&str> = ["localhost", "127.0.0.1", "::1"].iter().chain(names).copied().collect();
    let leaf = authority.sign(&names, now, YEAR)?;
    let identity = Identity::fixed(leaf.chain, leaf.key).map_err(AuthorityError)?;
    Ok(Standalone { identity, ca_pem: authority.certificate().to_owned() })
}
