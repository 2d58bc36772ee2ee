//! Rules, profiles, the floor and exceptions, on a real API server with real controllers.
//!
//! - `rules`: modes enforce, warn and audit
//! - `profiles`: what a namespace's profile allows
//! - `floor`: labels with a lower level
//! - `exceptions`: from creation to expiry
//! - `owners`: exceptions for pods of controllers
//! - `relaxed`: relaxed fields are not hardened, and no token is left
//! - `agree`: webhook, audit and check agree

mod agree;
mod denial;
mod exceptions;
mod floor;
mod owners;
mod profiles;
mod relaxed;
mod rules;
mod world;
