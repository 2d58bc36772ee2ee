//! The `test` command's work: unit tests of a policy. A file says what each of some workloads is to come to under a
//! configuration; here it is read, the workloads are judged, and what was expected is held against what was found.
//!
//! It judges nothing by itself: verdicts are those of [`crate::findings`], of pods hardened where `/mutate` would
//! harden them. It asks no cluster anything.

mod compare;
mod document;
mod expectation;
mod run;

pub use compare::{Compared, Difference, Found, Outcome};
pub use document::{Case, Manifests, Suite, parse};
pub use expectation::{Expectation, Verdict, Whom};
pub use run::{FILE, Ran, Tested, Tried, run, sources};
