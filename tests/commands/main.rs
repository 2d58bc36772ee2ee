//! The commands that an installation runs beside the server, against a real API server.
//!
//! - `account`: an account that may do only what it is granted
//! - `cleanup`: what uninstalling must remove
//! - `healthcheck`: whether the webhook answers as the API server would ask

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod account;
mod cleanup;
mod healthcheck;
#[path = "../support/mod.rs"]
mod support;
