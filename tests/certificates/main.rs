//! Certificates that the server makes for itself, on a real API server: several replicas, one Secret, the trust in
//! two webhook configurations, and clients that believe exactly what those say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod faults;
mod installation;
mod rotation;
mod start;
