//! `portcullis audit` over a real API server with real controllers: the program itself, what it says and its exit
//! status.
//!
//! - `bulk`: a hundred thousand pods
//! - `levels`: what each namespace could enforce, and what breaks what it does
//! - `paging`: however long the pages are
//! - `rights`: accounts that may not read everything
//! - `reach`: how it finds the cluster
//! - `changes`: against an earlier report

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../commands/account.rs"]
mod account;
mod bulk;
mod changes;
mod forms;
mod levels;
#[path = "../e2e/objects.rs"]
mod objects;
mod paging;
mod program;
mod reach;
mod rights;
mod shop;
#[path = "../support/mod.rs"]
mod support;
