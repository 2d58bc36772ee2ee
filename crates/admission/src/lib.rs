//! From the text of a review to the response: decoding, required facts, decision, messages.
//!
//! Pure: no I/O, no clock, no log. Facts about the cluster are passed in as values.

mod hardening;
mod lints;
mod message;
mod namespace;
mod pod_scan;
mod request;
mod response;
mod review;
mod status;
mod warnings;

#[cfg(test)]
mod exceptions_tests;

pub use hardening::{Effect, Hardening};
pub use namespace::{AwaitsPods, NamespaceReview};
pub use pod_scan::{Group, PodScan, Scan, Unlisted};
pub use request::{BadReview, Operation, Request, User};
pub use response::{Answer, answer, respond};
pub use review::{AwaitsPolicy, Hook, Outcome, Review, ReviewError, review};
pub use status::{Status, display_name};
