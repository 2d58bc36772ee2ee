//! The reports of `serve`'s leader, on a real control plane, whose garbage collector deletes them.
//!
//! - `life`: a report from creation until its workload is deleted
//! - `apis`: which of the two APIs is used, and the maximum number of reports
//! - `replicas`: only one of them writes
//! - `events`: Events for denied pods

mod apis;
pub(crate) mod definitions;
mod events;
mod life;
mod replicas;
mod server;
