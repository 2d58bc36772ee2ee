//! Tests that need no cluster: libraries, the program itself, and its server on loopback. Those that ask a Go program skip
//! where there is no Go.

// What clippy.toml allows in tests holds for all of it.
#![cfg(test)]

mod audit;
mod bad_input;
mod check;
mod docs;
mod explain;
mod harden;
mod lifecycle;
mod output_file;
mod reach;
mod reviews;
mod rewrite;
mod rules;
mod server;
mod standard;
mod suite;

#[path = "../generator/mod.rs"]
mod generator;
#[path = "../pods/mod.rs"]
mod pods;
#[path = "../support/mod.rs"]
mod support;
