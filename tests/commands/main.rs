//! The commands that an installation runs beside the server, against a real API server.
//!
//! - `account`: an account that may do only what it is granted
//! - `cleanup`: what uninstalling must remove
//! - `client_auth`: an API server that shows the webhook who it is
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
#[path = "../server/client.rs"]
mod client;
mod client_auth;
mod healthcheck;
#[path = "../support/mod.rs"]
mod support;
