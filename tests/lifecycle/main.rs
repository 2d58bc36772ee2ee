//! The program as it is run: started, asked, changed under way and ended, without a cluster.
//!
//! - `server`: starts it on free ports
//! - `bad_start`: what it says of what it cannot use
//! - `config_validate`: `config validate`, which says what `serve` will
//! - `certificates`, `configuration`: files that change while it serves
//! - `drain`: signals
//! - `flags`: and their environment variables
//! - `log`, `metrics`: what it tells of its decisions
//! - `memory`: more than it has room for
//! - `standalone`: the first try

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod bad_start;
mod certificates;
#[path = "../server/client.rs"]
mod client;
mod config_validate;
mod configuration;
mod drain;
mod flags;
mod log;
mod memory;
mod metrics;
mod server;
mod standalone;
#[path = "../support/mod.rs"]
mod support;
