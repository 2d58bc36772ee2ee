//! The chart, and what is made from it, rendered by the real Helm 3 and 4 and by kustomize, and installed into a real
//! API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod apply;
mod cluster;
mod config;
mod exceptions;
mod helm;
mod install;
mod kustomize;
mod managers;
mod openshift;
mod policy;
mod readme;
mod refusals;
mod release;
mod rendered_files;
mod rendering;
mod restricted;
#[path = "../support/mod.rs"]
mod support;
mod webhooks;
