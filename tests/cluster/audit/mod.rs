//! `portcullis audit` over a real API server with real controllers: the program, its output and
//! exit status.
//!
//! - `bulk`: a hundred thousand pods
//! - `levels`: the levels that namespaces could enforce, and violations of the enforced ones
//! - `paging`: the page size
//! - `rights`: accounts with restricted permissions
//! - `reach`: how the program finds the cluster
//! - `changes`: comparison with an earlier report

mod bulk;
mod changes;
mod forms;
mod levels;
mod paging;
mod program;
mod reach;
mod rights;
mod shop;
