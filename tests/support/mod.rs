//! Shared by the tests that run real programs: building the Go ones, a control plane, its users, and our own server
//! registered with it. Contains no assertions about the server.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod client_certificates;
pub(crate) mod cluster;
pub(crate) mod control_group;
pub(crate) mod control_plane;
pub(crate) mod fixtures;
pub(crate) mod go;
pub(crate) mod helm;
pub(crate) mod image;
pub(crate) mod kubectl;
mod names;
pub(crate) mod namespaces;
pub(crate) mod node;
pub(crate) mod nodelet;
pub(crate) mod objects;
pub(crate) mod portcullis;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod review;
pub(crate) mod server;
pub(crate) mod services;
pub(crate) mod skip;
pub(crate) mod stub;
pub(crate) mod user;
pub(crate) mod wait;
pub(crate) mod webhooks;
