//! `portcullis audit` over a real API server with real controllers: the program itself, what it says and its exit
//! status.
//!
//! - `bulk`: a hundred thousand pods
//! - `levels`: what each namespace could enforce, and what breaks what it does
//! - `paging`: however long the pages are
//! - `rights`: accounts that may not read everything
//! - `reach`: how it finds the cluster
//! - `changes`: against an earlier report

mod bulk;
mod changes;
mod forms;
mod levels;
mod paging;
mod program;
mod reach;
mod rights;
mod shop;
