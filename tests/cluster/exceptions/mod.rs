//! PolicyExceptions on a real API server.
//!
//! - `definition`: what the API server takes and refuses by the definition alone
//! - `life`: what the store and the leader make of them

mod definition;
mod life;
