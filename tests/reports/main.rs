//! The reports that the leader of `serve` writes, on a real control plane: whose garbage collector takes them away.
//!
//! - `life`: a report from its first writing until its workload is gone
//! - `apis`: which of the two APIs is spoken, and how many reports there may be
//! - `replicas`: only one of them writes
//! - `events`: what is told of denied pods

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../commands/account.rs"]
mod account;
mod apis;
mod definitions;
mod events;
mod life;
#[path = "../e2e/objects.rs"]
mod objects;
mod replicas;
mod server;
#[path = "../support/mod.rs"]
mod support;
