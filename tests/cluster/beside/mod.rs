//! What stands beside the Standard, on a real API server with real controllers: rules, profiles, floor and exceptions.
//!
//! - `rules`: what they deny, warn of and audit
//! - `profiles`: what a namespace's profile lets in, and nothing else
//! - `floor`: labels that ask for less
//! - `exceptions`: from their making to their end
//! - `owners`: exceptions for what a controller makes
//! - `relaxed`: what is relaxed is not hardened, and no token is left
//! - `agree`: webhook, audit and check say the same

mod agree;
mod denial;
mod exceptions;
mod floor;
mod owners;
mod profiles;
mod relaxed;
mod rules;
mod world;
