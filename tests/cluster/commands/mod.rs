//! The commands that an installation runs in addition to the server, against a real API server.
//!
//! - `account`: an account with only the granted permissions
//! - `cleanup`: what uninstalling must delete
//! - `client_auth`: an API server with a client certificate
//! - `healthcheck`: whether the webhook answers like it must for the API server

mod cleanup;
mod client_auth;
mod healthcheck;
