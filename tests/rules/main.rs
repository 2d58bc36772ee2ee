//! The rules beside the Standard as `portcullis::rules` judges by them, held against the cases of this folder and
//! against generated pods. Judges values only; serves nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../pods/mod.rs"]
mod pods;

mod bounds;
mod cases;
mod properties;
mod table;
