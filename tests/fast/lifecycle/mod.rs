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

mod bad_start;
mod certificates;
mod config_validate;
mod configuration;
mod drain;
mod flags;
mod log;
mod memory;
mod metrics;
mod standalone;
