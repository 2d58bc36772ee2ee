//! What decides in Portcullis: the Pod Security Standards and the rules beside them, hardening, exceptions, the policy of a
//! namespace, and the verdict on a pod.
//!
//! Each module uses only those above it:
//!
//! ```text
//! words, json, shown, dns, pattern → pss → rules → harden → requirement → exceptions → config → spec → namespace → verdict → findings
//! ```
//!
//! Pure: no I/O, no clock, no log, no state. All facts are passed in as values. `clippy.toml` of this package bans the
//! rest.

#[macro_use]
pub mod words;

pub mod json;

pub mod shown;

pub mod dns;

pub mod pattern;

mod near;

pub mod pss;

pub mod rules;

pub mod harden;

pub mod requirement;

pub mod exceptions;

pub mod config;

pub mod spec;

pub mod namespace;

pub mod workloads;

pub mod verdict;

pub mod findings;
