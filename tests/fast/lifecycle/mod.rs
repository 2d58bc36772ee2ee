//! The program's life without a cluster: start, requests, changes of its files, end.
//!
//! - `server`: starts it on free ports
//! - `bad_start`: errors at startup
//! - `config_validate`: `config validate`, which predicts whether `serve` starts
//! - `certificates`, `configuration`: files that change while it serves
//! - `drain`: signals
//! - `flags`: and their environment variables
//! - `log`, `metrics`: its record of decisions
//! - `memory`: more and larger reviews than fit into memory
//! - `standalone`: `serve --standalone`

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
