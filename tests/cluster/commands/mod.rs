//! The commands that an installation runs beside the server, against a real API server.
//!
//! - `account`: an account that may do only what it is granted
//! - `cleanup`: what uninstalling must remove
//! - `client_auth`: an API server that shows the webhook who it is
//! - `healthcheck`: whether the webhook answers as the API server would ask

mod cleanup;
mod client_auth;
mod healthcheck;
