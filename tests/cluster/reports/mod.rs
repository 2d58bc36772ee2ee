//! The reports that the leader of `serve` writes, on a real control plane: whose garbage collector takes them away.
//!
//! - `life`: a report from its first writing until its workload is gone
//! - `apis`: which of the two APIs is spoken, and how many reports there may be
//! - `replicas`: only one of them writes
//! - `events`: what is told of denied pods

mod apis;
pub(crate) mod definitions;
mod events;
mod life;
mod replicas;
mod server;
