//! The chart as people install it, by a real helm in a cluster of the test's own; our server runs in the
//! chart's pods with the chart's rights, and is called through the chart's Service.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[allow(dead_code, reason = "this binary uses a part of it")]
#[path = "../e2e/objects.rs"]
mod objects;
#[path = "../support/mod.rs"]
mod support;

mod enforce;
