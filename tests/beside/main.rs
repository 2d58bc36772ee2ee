//! What stands beside the Standard, on a real API server with real controllers: rules, profiles, floor and exceptions.
//!
//! - `rules`: what they deny, warn of and audit
//! - `profiles`: what a namespace's profile lets in, and nothing else
//! - `floor`: labels that ask for less
//! - `exceptions`: from their making to their end
//! - `owners`: exceptions for what a controller makes
//! - `relaxed`: what is relaxed is not hardened, and no token is left
//! - `agree`: webhook, audit and check say the same

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod agree;
mod denial;
mod exceptions;
mod floor;
#[path = "../e2e/objects.rs"]
mod objects;
mod owners;
mod profiles;
mod relaxed;
mod rules;
#[path = "../support/mod.rs"]
mod support;
mod world;
