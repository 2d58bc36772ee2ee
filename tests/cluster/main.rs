//! Tests on a real API server, and those of the chart. They are skipped without Go.

// clippy.toml's exceptions for tests apply to all of it.
#![cfg(test)]

mod audit;
mod beside;
mod certificates;
mod chart;
mod commands;
mod control_plane;
mod e2e;
mod exceptions;
mod install;
mod observability;
mod reports;

#[path = "../pods/mod.rs"]
mod pods;
#[path = "../support/mod.rs"]
mod support;
