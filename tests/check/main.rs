//! `portcullis check` as people and scripts use it: the program itself, its output and its exit status.
// What clippy.toml allows in tests it allows in the tests themselves only, not in what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod browser;
mod formats;
mod harmless;
mod inputs;
mod outputs;
mod patches;
mod policies;
mod program;
mod rendered;
mod reports;
mod schema;
mod webhook;
mod yaml;
