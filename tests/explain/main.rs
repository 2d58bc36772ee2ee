//! The texts of the controls hold what they say, and `portcullis explain`, its man pages, its completions and its
//! life as a plugin of kubectl are as people use them.

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

mod actions;
mod command_line;
mod krew;
mod kubectl;
mod manual;
#[path = "../support/program.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod outcome;
mod pages;
mod policies;
mod program;
mod rules;
mod texts;
