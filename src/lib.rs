//! Portcullis

pub mod admission;
pub mod cli;
pub mod cluster;
pub mod config;
mod dns;
pub mod harden;
pub mod json;
pub mod pss;
pub mod record;
pub mod server;
pub mod webhook;
