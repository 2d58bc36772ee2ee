//! A certificate for a first try without a cluster.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::server::Identity;

use super::authority::{Authority, AuthorityError};

/// What [`standalone`] made.
#[derive(Debug)]
pub struct Standalone {
    /// The server's identity.
    pub identity: Arc<Identity>,
    /// The authority's certificate, PEM, for clients to verify the server with. Its key is gone.
    pub ca_pem: String,
}

/// Makes an identity for localhost, 127.0.0.1, ::1 and `names` (DNS names or IP addresses), valid for a year.
///
/// # Errors
/// When a name is neither a DNS name nor an address.
pub fn standalone(names: &[&str]) -> Result<Standalone, AuthorityError> {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let now = SystemTime::now();
    let authority = Authority::mint(None, now, YEAR)?;
    let names: Vec<&str> = ["localhost", "127.0.0.1", "::1"].iter().chain(names).copied().collect();
    let leaf = authority.sign(&names, now, YEAR)?;
    let identity = Identity::fixed(leaf.chain, leaf.key).map_err(AuthorityError)?;
    Ok(Standalone { identity, ca_pem: authority.certificate().to_owned() })
}
