//! From a review's text to an answer: what is asked, what it needs to know, what is decided, what is said.
//!
//! Pure: no I/O, no clock, no log. What a decision needs from the cluster is given to it as a value.

mod fixes;
mod hardening;
mod message;
mod namespace;
mod object;
mod pod_scan;
mod request;
mod response;
mod review;
mod status;
mod warnings;

#[cfg(test)]
mod exceptions_tests;

pub use hardening::{Effect, Hardening};
pub use message::{fix, fixes, reasons};
pub use namespace::{AwaitsPods, NamespaceReview};
pub use object::{Kind, Namespace, Object, Target};
pub use pod_scan::{Group, PodScan, Scan, Unlisted};
pub use request::{BadReview, Operation, Request, User};
pub use response::{Answer, answer, respond};
pub use review::{AwaitsPolicy, Fault, Hook, Outcome, Review, review};
pub use status::{Status, display_name};
