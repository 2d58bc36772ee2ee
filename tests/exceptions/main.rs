//! PolicyExceptions on a real API server.
//!
//! - `definition`: what the API server takes and refuses by the definition alone
//! - `life`: what the store and the leader make of them

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod definition;
mod life;
#[path = "../support/mod.rs"]
mod support;
