//! Tests that need no cluster: libraries, the program, and its server on loopback. Tests that run a Go program are
//! skipped without Go.

// clippy.toml's exceptions for tests apply to all of it.
#![cfg(test)]

mod audit;
mod bad_input;
mod check;
mod docs;
mod explain;
mod harden;
mod harden_command;
mod lifecycle;
mod lints;
mod output_file;
mod policy_test;
mod reach;
mod reviews;
mod rules;
mod server;
mod standard;

#[path = "../generator/mod.rs"]
mod generator;
#[path = "../pods/mod.rs"]
mod pods;
#[path = "../support/mod.rs"]
mod support;
