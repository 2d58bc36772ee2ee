//! The `test` command: unit tests of a policy. A file states the expected results of some workloads under a
//! configuration. This module reads it, judges the workloads, and compares.
//!
//! Verdicts come from [`policy::findings`], for pods hardened as `/mutate` would. Never contacts a cluster.

mod compare;
mod document;
mod expectation;
mod run;

pub use compare::{Compared, Difference, Found, Outcome};
pub use document::{Case, Manifests, Suite, parse};
pub use expectation::{Expectation, Whom};
pub use policy::spec::Verdict;
pub use run::{FILE, Ran, Tested, Tried, run, sources};
