//! Portcullis: an admission webhook server for Kubernetes. It judges pods by the Pod Security Standards, hardens
//! them with safe securityContext defaults, and can say what it would do before it does either.
//!
//! One request flows through the modules like this:
//!
//! ```text
//! TLS accept → read body → decode → namespace policy → review → record → respond
//!   server      server     admission    cluster      admission telemetry admission
//! ```
//!
//! [`webhook`] is that line. Kubernetes calls `/mutate` first and `/validate` later, in requests of their own: they
//! are two hooks on the same line, and [`admission::review()`] is its one `match`.
//!
//! What decides is in packages of its own, which do no I/O, read no clock and do not log: [`policy`] judges and hardens,
//! [`admission`] reads and answers reviews, and [`manifest`] reads and edits manifests. `ARCHITECTURE.md` has the whole
//! map and what must always hold.

pub mod server;

pub mod webhook;

pub mod cluster;

pub mod exceptions;

pub mod telemetry;

pub mod config;

pub mod certificates;

pub mod input;

pub mod namespaces;

pub mod output_file;

pub mod output;

pub mod check;

pub mod policy_test;

pub mod harden;

pub mod audit;

pub mod events;

pub mod explain;

mod healthcheck;
mod policy_reports;
mod sanitize;
mod spelling;

pub mod cli;
