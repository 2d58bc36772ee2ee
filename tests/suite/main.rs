//! `portcullis test` as people and scripts use it: the example's own tests, what is told of those that fail, and how
//! the program ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/process.rs"]
#[allow(dead_code, reason = "folders are all that is needed of it")]
mod process;

mod example;
mod exceptions;
mod files;
mod forms;
#[path = "../support/program.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod outcome;
mod program;
#[path = "../support/review.rs"]
mod review;
mod verdicts;
mod webhook;
